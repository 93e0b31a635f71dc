//! What a plan file may demand of its reader.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanFileLimits {
    /// Bytes in one line. A step with 64 endpoints and 100 attachments takes about 60,000.
    pub line: usize,
    /// Lines. The cold start of 46,000 images with three artifacts each takes 370,000.
    pub lines: usize,
}

impl Default for PlanFileLimits {
    fn default() -> Self {
        Self {
            line: 1 << 20,
            lines: 10_000_000,
        }
    }
}
