//! What the program is talking to.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use super::Common;
use crate::plan::draw::Style;

/// How text is written. Colours and progress are for terminals; `NO_COLOR` (no-color.org) and `TERM=dumb` turn
/// colours off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Of standard output.
    pub style: Style,
    /// Whether errors and logs, which go to standard error, are coloured.
    pub coloured_errors: bool,
    /// Whether progress is shown on standard error.
    pub progress: bool,
    /// Whether somebody can be asked: standard input and output are terminals.
    pub interactive: bool,
    /// In characters.
    pub width: usize,
}

/// Which of the three are terminals.
#[derive(Debug, Clone, Copy)]
struct Streams {
    input: bool,
    output: bool,
    errors: bool,
}

/// Where nobody says otherwise.
const USUAL_WIDTH: usize = 100;
/// Nothing is laid out narrower.
const NARROWEST: usize = 40;

impl Terminal {
    #[must_use]
    pub fn detect(common: &Common) -> Self {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self::new(
            common,
            Streams {
                input: io::stdin().is_terminal(),
                output: io::stdout().is_terminal(),
                errors: io::stderr().is_terminal(),
            },
            width,
            |name| std::env::var_os(name),
        )
    }

    fn new(
        common: &Common,
        terminals: Streams,
        width: Option<usize>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|value| value == "dumb");
        let colours = !no_color && !dumb;
        let columns = variable("COLUMNS").and_then(|value| value.to_str()?.parse().ok());
        Self {
            style: if colours && terminals.output {
                Style::Coloured
            } else {
                Style::Plain
            },
            coloured_errors: colours && terminals.errors,
            progress: terminals.errors && !dumb && !common.quiet && !common.no_progress,
            interactive: terminals.input && terminals.output,
            width: width.or(columns).unwrap_or(USUAL_WIDTH).max(NARROWEST),
        }
    }

    /// Has errors printed in this terminal's colours. Lines are not wrapped: commands and settings in them are there to be
    /// pasted, and a terminal wraps what is longer than it is wide.
    pub fn show_errors_accordingly(&self) {
        let Self { coloured_errors, .. } = *self;
        // Refused only where it was called before, which is as well.
        let _ = miette::set_hook(Box::new(move |_| {
            Box::new(
                miette::MietteHandlerOpts::new()
                    .color(coloured_errors)
                    .terminal_links(false)
                    .unicode(true)
                    .wrap_lines(false)
                    .build(),
            )
        }));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn terminal(line: &str, is_terminal: bool, variables: &[(&str, &str)]) -> Terminal {
        let cli = Cli::parse_from(line.split(' '));
        let streams = Streams {
            input: is_terminal,
            output: is_terminal,
            errors: is_terminal,
        };
        Terminal::new(&cli.common, streams, None, |name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn colours_and_progress_are_for_terminals() {
        let seen = terminal("landfall completions bash", true, &[]);
        assert_eq!(
            (seen.style, seen.coloured_errors, seen.progress),
            (Style::Coloured, true, true)
        );
        let piped = terminal("landfall completions bash", false, &[]);
        assert_eq!(
            (piped.style, piped.coloured_errors, piped.progress),
            (Style::Plain, false, false)
        );
    }

    #[test]
    fn no_color_and_dumb_terminals_have_no_colours() {
        for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let seen = terminal("landfall completions bash", true, &[variable]);
            assert_eq!(
                (seen.style, seen.coloured_errors),
                (Style::Plain, false),
                "{variable:?}"
            );
        }
        let empty = terminal("landfall completions bash", true, &[("NO_COLOR", "")]);
        assert_eq!(empty.style, Style::Coloured, "an empty NO_COLOR says nothing");
    }

    #[test]
    fn progress_can_be_turned_off() {
        for flag in ["--quiet", "--no-progress"] {
            assert!(!terminal(&format!("landfall {flag} completions bash"), true, &[]).progress);
        }
    }

    #[test]
    fn the_width_is_bounded_below() {
        let width = |columns| terminal("landfall completions bash", true, &[("COLUMNS", columns)]).width;
        assert_eq!((width("120"), width("7"), width("wide")), (120, NARROWEST, USUAL_WIDTH));
    }
}
