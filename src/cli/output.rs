//! Standard output and standard error. Readers may leave early, such as `head`: what follows is dropped, and the work
//! goes on.

use std::io::{self, ErrorKind, StdoutLock, Write};

use super::arguments::WrittenFormat;
use super::guard::{Dialect, Guard};
use super::{Common, Terminal};
use crate::plan::draw::Style;

/// Standard output.
#[derive(Debug)]
pub struct Output<W: Write> {
    out: W,
    guard: Guard,
    reader_left: bool,
}

impl Output<StdoutLock<'static>> {
    #[must_use]
    pub fn stdout(dialect: Dialect) -> Self {
        Self::new(io::stdout().lock(), dialect)
    }
}

impl Dialect {
    /// What this command line writes to standard output.
    #[must_use]
    pub fn of(common: &Common, terminal: &Terminal) -> Self {
        match common.written {
            WrittenFormat::Json | WrittenFormat::Sarif => Self::Json,
            WrittenFormat::Github => Self::Commands,
            WrittenFormat::Csv | WrittenFormat::Digests | WrittenFormat::Html => Self::Text { colours: false },
            WrittenFormat::Text => Self::Text {
                colours: terminal.style == Style::Coloured,
            },
        }
    }
}

impl<W: Write> Output<W> {
    fn new(out: W, dialect: Dialect) -> Self {
        Self {
            out,
            guard: Guard::new(dialect),
            reader_left: false,
        }
    }

    fn tolerate(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.reader_left = true;
                Ok(())
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.reader_left {
            let passed = self.guard.pass(bytes);
            let written = self.out.write_all(passed.as_bytes());
            self.tolerate(written)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.reader_left {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.tolerate(flushed)
    }
}

impl<W: Write> Drop for Output<W> {
    fn drop(&mut self) {
        let rest = self.guard.finish();
        // Nobody is left to tell.
        let _ = self.out.write_all(rest.as_bytes());
    }
}

/// Standard error. Writing to it never fails: there is nobody left to tell, and no work is worth ending for it.
#[derive(Debug)]
pub struct ErrorOutput(Guard);

impl ErrorOutput {
    /// For text without colours.
    #[must_use]
    pub const fn open() -> Self {
        Self::speaking(Dialect::Text { colours: false })
    }

    /// For errors as this terminal shows them.
    #[must_use]
    pub const fn for_errors(terminal: &Terminal) -> Self {
        Self::speaking(Dialect::Text {
            colours: terminal.coloured_errors,
        })
    }

    #[must_use]
    pub const fn speaking(dialect: Dialect) -> Self {
        Self(Guard::new(dialect))
    }

    /// Writes one line.
    pub fn say(line: &str) {
        // Never fails, as said above.
        let _ = writeln!(Self::open(), "{line}");
    }
}

impl Write for ErrorOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let passed = self.0.pass(bytes);
        // The standard library's handle is not buffered: a piece is written now or never.
        let _ = io::stderr().lock().write_all(passed.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ErrorOutput {
    fn drop(&mut self) {
        let _ = io::stderr().lock().write_all(self.0.finish().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(ErrorKind::BrokenPipe.into())
            }
        }
        let mut output = Output::new(Closed, Dialect::Script);
        output.write_all(b"a line\n").unwrap();
        output.write_all(b"another\n").unwrap();
        output.flush().unwrap();
    }

    #[test]
    fn what_is_written_goes_through_the_guard() {
        let mut written = Vec::new();
        {
            let mut output = Output::new(&mut written, Dialect::Text { colours: false });
            let hostile = "\u{1b}[2J";
            write!(output, "a{hostile}").unwrap();
            output.write_all("ü".as_bytes().split_at(1).0).unwrap();
        }
        assert_eq!(String::from_utf8(written).unwrap(), "a\\u{1b}[2J\u{fffd}");
    }
}
