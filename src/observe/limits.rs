//! Every limit on looking, beside those on content in [`crate::model::Limits`].

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObserveLimits {
    /// Verdicts on signed artifacts, about 100 bytes each: with room for all of an installation's, no signature is
    /// verified twice while the process lives.
    pub verdicts: usize,
    /// Sets of public keys.
    pub key_sets: usize,
}

impl Default for ObserveLimits {
    fn default() -> Self {
        Self {
            verdicts: 500_000,
            key_sets: 1_000,
        }
    }
}
