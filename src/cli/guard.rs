//! The one place where text leaves the program: what would steer a terminal, or be taken for a command by a build
//! service that reads the output, is made visible instead.

use crate::model::Foreign;

/// Who reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// People. Colours, where they are wanted, are the only escape sequences.
    Text { colours: bool },
    /// Logs: as text, one line for each write.
    Log { colours: bool },
    /// Programs that read JSON: what is escaped is the same text to them.
    Json,
    /// GitHub Actions: `::error …` at the beginning of a line is meant.
    Commands,
    /// A shell that runs it as it is.
    Script,
}

/// Takes text in pieces, as it comes.
#[derive(Debug)]
pub struct Guard {
    dialect: Dialect,
    /// The beginning of a character, or of an escape sequence, whose rest has not come yet.
    pending: Vec<u8>,
    /// The characters of this line, up to the second that is no blank.
    line: Line,
    /// The last two characters were `##`.
    hashes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Colon,
    Begun,
}

impl Guard {
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            pending: Vec::new(),
            line: Line::Blank,
            hashes: 0,
        }
    }

    /// What may be written of these bytes now.
    #[must_use]
    pub fn pass(&mut self, bytes: &[u8]) -> String {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(bytes);
        let (text, rest) = complete(&input, self.colours());
        self.pending = rest.to_vec();
        let text = String::from_utf8_lossy(text);
        let mut passed = String::with_capacity(text.len());
        let mut rest = &*text;
        while let Some(character) = rest.chars().next() {
            let colour = if self.colours() { colour(rest) } else { None };
            if let Some(length) = colour {
                passed.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            rest = &rest[character.len_utf8()..];
            let is_last = rest.is_empty();
            self.character(character, is_last, &mut passed);
        }
        passed
    }

    /// What is left at the end: never the whole of anything.
    #[must_use]
    pub fn finish(&mut self) -> String {
        if self.pending.is_empty() {
            return String::new();
        }
        self.pending.clear();
        char::REPLACEMENT_CHARACTER.to_string()
    }

    const fn colours(&self) -> bool {
        matches!(
            self.dialect,
            Dialect::Text { colours: true } | Dialect::Log { colours: true }
        )
    }

    fn character(&mut self, character: char, is_last: bool, passed: &mut String) {
        let is_log = matches!(self.dialect, Dialect::Log { .. });
        let is_line_end = character == '\n' && (!is_log || is_last);
        let steers = Foreign::steers(character) && !is_line_end && character != '\t';
        match self.dialect {
            Dialect::Script => passed.push(character),
            Dialect::Json if steers => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    passed.push_str(&format!("\\u{unit:04x}"));
                }
            }
            // Two hashes stand within a string only, where the bracket may be written so too.
            Dialect::Json if self.hashes >= 2 && character == '[' => passed.push_str("\\u005b"),
            _ if steers => passed.extend(character.escape_default()),
            Dialect::Text { .. } | Dialect::Log { .. } => {
                // GitHub Actions takes `::name` at the beginning of a line, and `##[name]` anywhere, for commands.
                if (self.line == Line::Colon && character == ':') || (self.hashes >= 2 && character == '[') {
                    passed.push(' ');
                }
                passed.push(character);
            }
            Dialect::Json | Dialect::Commands => passed.push(character),
        }
        self.hashes = if character == '#' { self.hashes + 1 } else { 0 };
        self.line = match (self.line, character) {
            (_, '\n') => Line::Blank,
            (Line::Blank, ':') => Line::Colon,
            (Line::Blank, blank) if blank.is_whitespace() => Line::Blank,
            _ => Line::Begun,
        };
    }
}

/// The length of a colour at the beginning of `text`: `ESC [ numbers m`.
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let length = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers[length..].starts_with('m').then_some(2 + length + 1)
}

/// The longest colour there is, with room to spare.
const LONGEST_COLOUR: usize = 32;

/// Parts bytes into what is complete, and the beginning of a character or a colour at the end.
fn complete(bytes: &[u8], colours: bool) -> (&[u8], &[u8]) {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    let begun = bytes[..whole].iter().rposition(|byte| *byte == 0x1b).filter(|at| {
        let rest = &bytes[*at + 1..whole];
        let numbers = rest.strip_prefix(b"[").unwrap_or(rest);
        colours
            && rest.len() < LONGEST_COLOUR
            && (rest.is_empty() || rest[0] == b'[')
            && numbers.iter().all(|byte| byte.is_ascii_digit() || *byte == b';')
    });
    bytes.split_at(begun.unwrap_or(whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(dialect: Dialect, text: &str) -> String {
        let mut guard = Guard::new(dialect);
        guard.pass(text.as_bytes()) + &guard.finish()
    }

    const PLAIN: Dialect = Dialect::Text { colours: false };

    #[test]
    fn terminals_and_build_services_are_not_steered() {
        assert_eq!(
            passed(PLAIN, "a\u{1b}[2J\u{7}\u{202e}b\r\n\t::error::x ##[error]\n"),
            "a\\u{1b}[2J\\u{7}\\u{202e}b\\r\n\t: :error::x ## [error]\n"
        );
        assert_eq!(passed(PLAIN, "a::b\n : :\n::"), "a::b\n : :\n: :");
    }

    #[test]
    fn colours_are_the_only_sequences_and_only_where_they_are_wanted() {
        let text = "\u{1b}[1mx\u{1b}[0m\u{1b}[2J\u{1b}]0;title\u{7}";
        assert_eq!(
            passed(Dialect::Text { colours: true }, text),
            "\u{1b}[1mx\u{1b}[0m\\u{1b}[2J\\u{1b}]0;title\\u{7}"
        );
        assert!(!passed(PLAIN, text).contains('\u{1b}'));
    }

    #[test]
    fn a_log_entry_is_one_line() {
        assert_eq!(passed(Dialect::Log { colours: false }, "a\nb\n"), "a\\nb\n");
    }

    #[test]
    fn json_is_escaped_as_json_and_means_the_same() {
        let text = "a\u{7f}\u{202e}\u{e0001}b";
        let written = passed(Dialect::Json, &serde_json::to_string(text).unwrap());
        assert!(written.is_ascii(), "{written}");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn commands_and_scripts_go_out_as_they_are_meant() {
        assert_eq!(passed(Dialect::Commands, "::error::\u{1b}x\n"), "::error::\\u{1b}x\n");
        assert_eq!(passed(Dialect::Script, "::\u{1b}x\n"), "::\u{1b}x\n");
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        let mut guard = Guard::new(PLAIN);
        assert_eq!(guard.pass("ü".as_bytes().split_at(1).0), "");
        assert_eq!(guard.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            text in "(\u{1b}\\[[0-9;]{0,3}[mJ]?|::|##|\\[|\n| |ü|[a-z]|\u{202e}){0,20}",
            cuts in proptest::collection::vec(0_usize..60, 0..4),
            colours in any::<bool>(),
        ) {
            let dialect = Dialect::Text { colours };
            let mut guard = Guard::new(dialect);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = String::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces += &guard.pass(&text.as_bytes()[from..cut]);
                from = cut;
            }
            pieces += &guard.finish();
            prop_assert_eq!(pieces, passed(dialect, &text));
        }
    }
}
