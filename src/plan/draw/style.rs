//! Colours, where they are wanted.

/// Whether text is coloured with ANSI escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    #[default]
    Plain,
    Coloured,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Strong,
    Quiet,
    Adds,
    Changes,
    Trouble,
}

impl Style {
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Strong => "1",
            Tone::Quiet => "2",
            Tone::Adds => "32",
            Tone::Changes => "33",
            Tone::Trouble => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_carries_no_escapes() {
        assert_eq!(Style::Plain.paint(Tone::Adds, "+"), "+");
        assert_eq!(Style::Coloured.paint(Tone::Adds, "+"), "\u{1b}[32m+\u{1b}[0m");
    }
}
