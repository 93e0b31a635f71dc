//! Text that others wrote, such as file names and registries' answers, made fit to be shown.

use std::fmt;

/// Shows text on one line, without characters that a terminal would obey or that turn text around: these are written
/// as escapes, so that two names that differ never look alike for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign<'a>(pub &'a str);

impl Foreign<'_> {
    /// Whether a character does something to the text around it instead of being shown itself: control characters, line
    /// and paragraph separators, marks that turn the direction of writing, and what has no width.
    #[must_use]
    pub fn steers(character: char) -> bool {
        character.is_control()
            || matches!(
                character,
                '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            )
    }
}

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = 0;
        for (at, character) in self.0.char_indices().filter(|(_, c)| Self::steers(*c)) {
            formatter.write_str(&self.0[shown..at])?;
            write!(formatter, "{}", character.escape_default())?;
            shown = at + character.len_utf8();
        }
        formatter.write_str(&self.0[shown..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_an_escape() {
        assert_eq!(
            Foreign("a\u{1b}[2J\u{7}\r\n::error::\u{202e}b\u{2028}ü").to_string(),
            "a\\u{1b}[2J\\u{7}\\r\\n::error::\\u{202e}b\\u{2028}ü"
        );
    }

    proptest! {
        #[test]
        fn nothing_that_steers_is_left_and_other_text_stays(text in any::<String>()) {
            let shown = Foreign(&text).to_string();
            prop_assert!(!shown.chars().any(Foreign::steers));
            if !text.chars().any(Foreign::steers) {
                prop_assert_eq!(shown, text);
            }
        }
    }
}
