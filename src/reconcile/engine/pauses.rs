//! Registries that asked to be left alone, and until when.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Obstacle, Registry};

/// A registry that says "a second" each time it is asked is asked less and less often all the same.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// By host. What one request was told holds for all of them: a registry that counts requests counts all of them.
#[derive(Debug, Default)]
pub(super) struct Pauses(BTreeMap<Arc<str>, Pause>);

/// One registry's.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    pub until: Timestamp,
    /// What it said.
    pub obstacle: Arc<Obstacle>,
    /// How often in a row it began to be left alone.
    times: u32,
}

impl Pauses {
    /// An obstacle was met. Gives the hosts that are left alone because of it.
    pub fn heard(&mut self, obstacle: &Obstacle, now: Timestamp) -> Vec<Arc<str>> {
        let mut hosts = Vec::new();
        for waits in obstacle.waits() {
            let (Some(host), Some(wait)) = (&waits.host, waits.retry_after) else {
                continue;
            };
            let wait = SignedDuration::try_from(wait).unwrap_or(LONGEST);
            let times = match self.0.get(host) {
                None => 1,
                // It is left alone already: this was on its way.
                Some(known) if now < known.until => known.times,
                Some(known) if now.duration_since(known.until) > LONGEST => 1,
                Some(known) => known.times.saturating_add(1),
            };
            let own = FIRST.saturating_mul(1 << (times - 1).min(16)).min(LONGEST);
            let until = now.saturating_add(wait.max(own)).unwrap_or(Timestamp::MAX);
            let known = self.0.get(host).map_or(until, |known| known.until);
            let pause = Pause {
                until: until.max(known),
                obstacle: Arc::new(waits.clone()),
                times,
            };
            self.0.insert(Arc::clone(host), pause);
            hosts.push(Arc::clone(host));
        }
        hosts
    }

    /// Whether a registry is to be left alone now.
    pub fn of(&self, registry: &Registry, now: Timestamp) -> Option<&Pause> {
        let pauses = self.0.iter().filter(|(host, _)| registry.is_at(host));
        let mut pauses = pauses.map(|(_, pause)| pause);
        pauses.find(|pause| now < pause.until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::ObstacleKind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn busy(host: &str, seconds: u64) -> Obstacle {
        Obstacle {
            host: Some(host.into()),
            retry_after: Some(Duration::from_secs(seconds)),
            ..Obstacle::new(ObstacleKind::Throttled, "later")
        }
    }

    fn until(pauses: &Pauses, registry: &str, now: i64) -> Option<i64> {
        let pause = pauses.of(&registry.parse().unwrap(), at(now));
        pause.map(|pause| pause.until.as_second())
    }

    #[test]
    fn a_registry_is_left_alone_for_as_long_as_it_asked_and_no_other() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.heard(&busy("registry-1.docker.io", 60), at(0)).len(), 1);
        assert_eq!(until(&pauses, "docker.io", 59), Some(60));
        assert_eq!(until(&pauses, "docker.io", 60), None);
        assert_eq!(until(&pauses, "other.test", 0), None);
        // What was on its way and says less does not shorten it, what says more lengthens it.
        pauses.heard(&busy("registry-1.docker.io", 10), at(1));
        assert_eq!(until(&pauses, "docker.io", 2), Some(60));
        pauses.heard(&busy("registry-1.docker.io", 90), at(1));
        assert_eq!(until(&pauses, "docker.io", 2), Some(91));
        let silent = Obstacle::new(ObstacleKind::Unreachable, "no route");
        assert!(pauses.heard(&silent, at(2)).is_empty());
    }

    #[test]
    fn whoever_asks_for_a_second_again_and_again_is_asked_less_and_less_often() {
        let mut pauses = Pauses::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            pauses.heard(&busy("one.test:5000", 1), at(now));
            let next = until(&pauses, "one.test:5000", now).unwrap();
            waits.push(next - now);
            now = next;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        pauses.heard(&busy("one.test:5000", 1), at(now + 301));
        assert_eq!(until(&pauses, "one.test:5000", now + 301), Some(now + 306));
    }

    #[test]
    fn sources_that_ask_for_time_get_it_too() {
        let mut pauses = Pauses::default();
        let none = Obstacle::no_source("none", [busy("one.test", 60), busy("two.test", 30)]);
        assert_eq!(pauses.heard(&none, at(0)).len(), 2);
        assert_eq!(
            (until(&pauses, "one.test", 0), until(&pauses, "two.test", 0)),
            (Some(60), Some(30))
        );
    }
}
