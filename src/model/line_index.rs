//! From bytes of a text to places for people.

use std::ops::Range;

use super::Position;

/// Finds the line of a byte.
#[derive(Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    /// The offset of each line's first byte; never empty.
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            starts: std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect(),
        }
    }

    /// Spans beyond the text or inside a character are pulled to the nearest place before; what is marked ends with
    /// its first line.
    #[must_use]
    pub fn position(&self, span: Range<usize>) -> Position {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let line = self.starts.partition_point(|first| *first <= start) - 1;
        let line_end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let length = span.end.min(line_end).saturating_sub(start).max(1);
        let column = self.text[self.starts[line]..start].chars().count() + 1;
        Position::new(line + 1, column, length)
    }

    /// The whole of the dotted key whose last part is at `last`.
    #[must_use]
    pub fn dotted_key(&self, last: Range<usize>) -> Position {
        let before = self.text.get(..last.start).unwrap_or_default();
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '"' | '\'');
        let start = before.trim_end_matches(belongs).len();
        self.position(start..last.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> (u32, u32, u32) {
        let Position { line, column, length } = LineIndex::new(text).position(span);
        (line, column, length)
    }

    #[test]
    fn columns_count_characters_and_lengths_bytes() {
        assert_eq!(place("a = 1\nü = \"x\"\n", 11..14), (2, 5, 3));
        assert_eq!(place("a = 1\nü = \"x\"\n", 6..8), (2, 1, 2));
    }

    #[test]
    fn a_mark_ends_with_its_line() {
        assert_eq!(place("abc\ndef", 1..6), (1, 2, 2));
        assert_eq!(place("abc\n", 3..4), (1, 4, 1));
    }

    #[test]
    fn spans_beyond_the_text_point_at_its_end() {
        assert_eq!(place("", 0..0), (1, 1, 1));
        assert_eq!(place("a\n", 9..12), (2, 1, 1));
        assert_eq!(place("ü", 1..1), (1, 1, 1));
    }
}
