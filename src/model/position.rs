//! Places in a text, for people.

/// Where a text stands in its file. Lines and columns count from 1, columns in characters; the length is in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

impl Position {
    /// The first character of a file: for findings about the file as a whole.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        length: 1,
    };

    /// Counts from 1. Files are a few MiB at most; a larger number saturates instead of wrapping around.
    #[must_use]
    pub fn new(line: usize, column: usize, length: usize) -> Self {
        let number = |count: usize| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        Self {
            line: number(line),
            column: number(column),
            length: number(length),
        }
    }
}
