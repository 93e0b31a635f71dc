//! Who holds others up, and for how long.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::TransferLimits;
use crate::model::Registry;

/// How long others have waited for each registry. Time in which several blobs wait for it counts once.
#[derive(Debug)]
pub(super) struct Slowness {
    patience: Duration,
    slow_for: Duration,
    registries: Mutex<HashMap<Registry, Waits>>,
}

#[derive(Debug)]
struct Waits {
    /// Of waits that have ended.
    spent: Duration,
    waiting: usize,
    /// Since when anybody has been waiting.
    since: Instant,
    slow_until: Option<Instant>,
}

/// Somebody waits for a registry, until this is dropped.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    slowness: &'a Slowness,
    registry: &'a Registry,
    /// When patience is at its end.
    pub deadline: Instant,
}

impl Slowness {
    pub fn new(limits: &TransferLimits) -> Self {
        Self {
            patience: limits.patience,
            slow_for: limits.slow_for,
            registries: Mutex::default(),
        }
    }

    /// Whether nobody should wait for it for now.
    pub fn is_slow(&self, registry: &Registry) -> bool {
        let now = Instant::now();
        let registries = self.lock();
        registries
            .get(registry)
            .and_then(|waits| waits.slow_until)
            .is_some_and(|until| now < until)
    }

    pub fn wait<'a>(&'a self, registry: &'a Registry) -> Wait<'a> {
        let now = Instant::now();
        let mut registries = self.lock();
        let waits = registries.entry(registry.clone()).or_insert_with(|| Waits::new(now));
        let idle = waits.waiting == 0;
        // What was long ago says nothing of now.
        let forgotten = match waits.slow_until {
            Some(until) => until <= now,
            None => idle && waits.since + self.slow_for <= now,
        };
        if forgotten {
            (waits.spent, waits.slow_until) = (Duration::ZERO, None);
        }
        if idle || forgotten {
            waits.since = now;
        }
        waits.waiting += 1;
        let left = self.patience.saturating_sub(waits.spent + (now - waits.since));
        Wait {
            slowness: self,
            registry,
            deadline: if waits.slow_until.is_some() { now } else { now + left },
        }
    }

    /// Nobody waits for it any more, for a while.
    pub fn give_up(&self, registry: &Registry) {
        let now = Instant::now();
        let mut registries = self.lock();
        let waits = registries.entry(registry.clone()).or_insert_with(|| Waits::new(now));
        waits.slow_until = Some(now + self.slow_for);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Registry, Waits>> {
        // Each change is one statement, or harmless by halves: at worst somebody is waited for a little longer.
        self.registries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    fn new(now: Instant) -> Self {
        Self {
            spent: Duration::ZERO,
            waiting: 0,
            since: now,
            slow_until: None,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(waits) = self.slowness.lock().get_mut(self.registry) {
            waits.waiting = waits.waiting.saturating_sub(1);
            if waits.waiting == 0 {
                waits.spent += now - waits.since;
                waits.since = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn slowness() -> Slowness {
        Slowness::new(&TransferLimits {
            patience: SECOND,
            slow_for: 60 * SECOND,
            ..TransferLimits::default()
        })
    }

    fn left(slowness: &Slowness, registry: &Registry) -> Duration {
        slowness.wait(registry).deadline - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_used_up_by_all_waits_together_and_each_moment_counts_once() {
        let (slowness, registry) = (slowness(), "one.test".parse().unwrap());
        let first = slowness.wait(&registry);
        tokio::time::advance(SECOND / 4).await;
        let second = slowness.wait(&registry);
        assert_eq!(second.deadline, first.deadline);
        tokio::time::advance(SECOND / 4).await;
        drop((first, second));
        tokio::time::advance(SECOND).await;
        assert_eq!(left(&slowness, &registry), SECOND / 2);
        assert_eq!(left(&slowness, &"two.test".parse().unwrap()), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_slow_a_while_ago_may_be_waited_for_again() {
        let (slowness, registry) = (slowness(), "one.test".parse().unwrap());
        drop(slowness.wait(&registry));
        slowness.give_up(&registry);
        assert!(slowness.is_slow(&registry));
        assert_eq!(left(&slowness, &registry), Duration::ZERO);
        tokio::time::advance(60 * SECOND).await;
        assert!(!slowness.is_slow(&registry));
        assert_eq!(left(&slowness, &registry), SECOND);
    }
}
