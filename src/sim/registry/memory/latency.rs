//! How long things take.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Registry;
use crate::sim::registry::Faults;

/// The longest that things take; how long each takes is drawn. Meant for tokio's paused clock: nothing waits in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// The way to the registry, and the way back, each.
    pub request: Duration,
    /// Each piece of a blob, read or written.
    pub chunk: Duration,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Latencies {
    pub everywhere: Latency,
    pub registries: BTreeMap<Registry, Latency>,
}

impl Latencies {
    pub fn at(&self, registry: &Registry) -> Latency {
        self.registries.get(registry).copied().unwrap_or(self.everywhere)
    }
}

/// Lets virtual time pass, or at least others run.
pub(super) async fn pause(faults: &Faults, longest: Duration) {
    if longest.is_zero() {
        for _ in 0..faults.turns() {
            tokio::task::yield_now().await;
        }
    } else {
        tokio::time::sleep(faults.delay(longest)).await;
    }
}
