//! How much is copied at once.

use std::time::Duration;

/// Bounds on one [`super::Transfer`], whatever it copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLimits {
    /// Blobs of one image that are looked for or read at once, and blobs on their way from one registry to another at
    /// once, whichever images they belong to. Counted by pairs of registries, so that a slow one uses up its own.
    pub blobs: usize,
    /// Requests at once for one destination of one image: blobs looked for, manifests sent.
    pub requests: usize,
    /// Pieces of a blob that wait for one destination, besides those that its connection holds.
    pub buffered_pieces: usize,
    /// How long destinations that lack a blob wait for others to say whether they lack it too: one read then feeds all.
    pub gathering: Duration,
    /// How long, all blobs together, the other destinations wait for a slow registry. Then it leaves them, is served
    /// alone, and has the same patience again only after [`Self::slow_for`].
    pub patience: Duration,
    pub slow_for: Duration,
    /// Bytes a second below which even a read that nobody else waits for is broken off and done alone: it keeps
    /// a place at the source that others need.
    pub slow_rate: u32,
    /// Blobs at once for one registry that is served alone: each is a read of its own at the source.
    pub alone: usize,
    /// Blobs of at most so many bytes are read together also for slow registries: they fit into what is buffered.
    pub small: u64,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            blobs: 16,
            requests: 8,
            buffered_pieces: 16,
            gathering: Duration::from_millis(250),
            patience: Duration::from_secs(1),
            slow_for: Duration::from_secs(60),
            slow_rate: 64 << 10,
            alone: 4,
            small: 128 << 10,
        }
    }
}
