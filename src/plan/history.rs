//! What earlier attempts say about the next.

use jiff::{SignedDuration, Timestamp};

use crate::facts::Attempt;
use crate::model::Obstacle;

const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// This many repairs of one thing within [`CONTEST_WINDOW`] mean that somebody undoes them.
const CONTEST_REPAIRS: usize = 5;
pub(super) const CONTEST_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// When a thing that failed may be tried again: twice as long after each failure, an hour at most, or later where the
/// registry asked for that. What ends the same each time waits an hour at once.
pub(super) fn next_attempt(attempt: &Attempt) -> Option<Timestamp> {
    let last = attempt.last_failure?;
    let doublings = attempt.failures.checked_sub(1)?.min(16);
    let obstacle = attempt.obstacle.as_deref();
    let own = if obstacle.is_some_and(Obstacle::is_lasting) {
        LONGEST_WAIT
    } else {
        FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
    };
    let asked_for = obstacle.and_then(|obstacle| SignedDuration::try_from(obstacle.retry_after?).ok());
    let wait = own.max(asked_for.unwrap_or_default());
    Some(last.saturating_add(wait).unwrap_or(Timestamp::MAX))
}

/// How many recent repairs make a node contested, and until when; `None` where it is not.
pub(super) fn contested(attempt: &Attempt, now: Timestamp) -> Option<(usize, Timestamp)> {
    let recent = |at: &&Timestamp| now.duration_since(**at) < CONTEST_WINDOW;
    // Repairs are kept in the order in which they happened: with the oldest of the last few, the fight is forgotten.
    let decisive = attempt.repairs.iter().rev().filter(recent).nth(CONTEST_REPAIRS - 1)?;
    let until = decisive.saturating_add(CONTEST_WINDOW).unwrap_or(Timestamp::MAX);
    Some((attempt.repairs.iter().filter(recent).count(), until))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::ObstacleKind;

    #[test]
    fn waits_double_up_to_an_hour() {
        let wait = |failures| {
            let attempt = Attempt {
                failures,
                last_failure: Some(Timestamp::UNIX_EPOCH),
                ..Attempt::default()
            };
            next_attempt(&attempt).map(Timestamp::as_second)
        };
        assert_eq!(wait(0), None);
        assert_eq!(wait(1), Some(30));
        assert_eq!(wait(2), Some(60));
        assert_eq!(wait(1000), Some(3600));
    }

    #[test]
    fn a_registry_that_asks_for_more_time_gets_it_and_what_lasts_is_not_hurried() {
        let wait = |obstacle| {
            let attempt = Attempt {
                failures: 1,
                last_failure: Some(Timestamp::UNIX_EPOCH),
                obstacle: Some(Arc::new(obstacle)),
                ..Attempt::default()
            };
            next_attempt(&attempt).map(Timestamp::as_second)
        };
        let throttled = |seconds| Obstacle {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Obstacle::new(ObstacleKind::Throttled, "later")
        };
        assert_eq!(wait(throttled(5)), Some(30));
        assert_eq!(wait(throttled(7_200)), Some(7_200));
        assert_eq!(wait(Obstacle::new(ObstacleKind::Unsupported, "never")), Some(3_600));
        assert_eq!(wait(Obstacle::new(ObstacleKind::Server, "now and then")), Some(30));
    }

    #[test]
    fn old_repairs_do_not_count() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let attempt = Attempt {
            repairs: (0..5).map(|i| at(i * 60)).collect(),
            ..Attempt::default()
        };
        assert_eq!(contested(&attempt, at(300)), Some((5, at(3_600))));
        assert_eq!(contested(&attempt, at(3_630)), None);
    }
}
