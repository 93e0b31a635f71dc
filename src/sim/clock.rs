//! Virtual time.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::execute::Clock;

/// Time as tokio's paused clock tells it, counted from a fixed day.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedClock {
    epoch: Instant,
}

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600;

impl SimulatedClock {
    /// Starts now. Needs a tokio runtime, whose clock may be paused.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.epoch.elapsed()).unwrap_or(SignedDuration::MAX);
        Timestamp::from_second(START)
            .and_then(|start| start.checked_add(elapsed))
            .unwrap_or(Timestamp::MAX)
    }
}
