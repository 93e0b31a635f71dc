//! Ending a run before its plan is done, in two stages.

use tokio_util::sync::CancellationToken;

/// Told to whoever runs steps. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    cancel: CancellationToken,
}

impl Stop {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that ends with this one, and can be told to end before it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            cancel: self.cancel.child_token(),
        }
    }

    /// First stage: no new step begins, those that run come to their end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Second stage: what runs is dropped where it stands. The next pass finishes what it left.
    pub fn cancel(&self) {
        self.drain.cancel();
        self.cancel.cancel();
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Cancelled with the first stage, for what may end at once because it leaves nothing half-done.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.drain
    }

    /// Returns when the first stage is called for.
    pub async fn drained(&self) {
        self.drain.cancelled().await;
    }

    /// Returns when the second stage is called for.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}
