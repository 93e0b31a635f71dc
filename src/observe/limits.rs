//! Every limit on looking, beside those on content in [`crate::model::Limits`].

/// How much is done at once, and how much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObserveLimits {
    /// Places that are looked at at the same time, all endpoints together.
    pub concurrency: usize,
    /// Of these, at one endpoint, or at the registry of sources: a slow one must not hold every slot.
    pub per_endpoint: usize,
    /// Verdicts on signed artifacts, about 100 bytes each: with room for all of an installation's, no signature is
    /// verified twice while the process lives.
    pub verdicts: usize,
    /// Sets of public keys.
    pub key_sets: usize,
}

impl Default for ObserveLimits {
    fn default() -> Self {
        Self {
            concurrency: 128,
            per_endpoint: 16,
            verdicts: 500_000,
            key_sets: 1_000,
        }
    }
}
