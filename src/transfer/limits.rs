//! How much is copied at once.

use std::time::Duration;

/// Bounds on one [`super::Transfer`], whatever it copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLimits {
    /// Blobs on their way at once, each to any number of destinations.
    pub blobs: usize,
    /// Requests at once for one destination of one image: blobs looked for, manifests sent.
    pub requests: usize,
    /// Pieces of a blob that wait for one destination, besides those that its connection holds.
    pub buffered_pieces: usize,
    /// How long, all pieces of a blob together, the other destinations wait for a slow one. Then it leaves them, and is
    /// served alone.
    pub patience: Duration,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            blobs: 16,
            requests: 8,
            buffered_pieces: 16,
            patience: Duration::from_secs(10),
        }
    }
}
