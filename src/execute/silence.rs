//! Endpoints that stopped answering while a run lasts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::{EndpointIndex, EndpointSet, Obstacle, TargetId};

/// Counts the steps in a row to which an endpoint did not answer, so that a dead one costs a few time-outs and not one
/// for every image.
#[derive(Debug)]
pub(super) struct Silence {
    allowed: usize,
    unanswered: Mutex<HashMap<(TargetId, EndpointIndex), usize>>,
}

impl Silence {
    pub fn new(allowed: usize) -> Self {
        Self {
            allowed: allowed.max(1),
            unanswered: Mutex::default(),
        }
    }

    /// A step has ended there: with this obstacle, or with none.
    pub fn heard(&self, target: TargetId, endpoint: EndpointIndex, obstacle: Option<&Obstacle>) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        match obstacle {
            Some(obstacle) if obstacle.is_silence() => {
                let count = unanswered.entry((target, endpoint)).or_default();
                // Whoever names a time need not be asked a second time to be believed.
                *count = if obstacle.retry_after.is_some() {
                    self.allowed
                } else {
                    *count + 1
                };
            }
            _ => {
                unanswered.remove(&(target, endpoint));
            }
        }
    }

    /// The endpoints of `at` that are left alone.
    pub fn among(&self, target: TargetId, at: EndpointSet) -> EndpointSet {
        let unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if unanswered.is_empty() {
            return EndpointSet::EMPTY;
        }
        at.iter()
            .filter(|endpoint| {
                unanswered
                    .get(&(target, *endpoint))
                    .is_some_and(|count| *count >= self.allowed)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObstacleKind;

    #[test]
    fn only_silence_without_interruption_counts() {
        let silence = Silence::new(2);
        let (target, endpoint) = (TargetId(0), EndpointIndex(1));
        let left_alone = || silence.among(target, EndpointSet::first(3));
        let dead = Obstacle::new(ObstacleKind::TimedOut, "no answer in time");
        let refused = Obstacle::new(ObstacleKind::Refused, "no");
        silence.heard(target, endpoint, Some(&dead));
        silence.heard(target, endpoint, Some(&refused));
        silence.heard(target, endpoint, Some(&dead));
        silence.heard(target, endpoint, None);
        silence.heard(target, endpoint, Some(&dead));
        assert_eq!(left_alone(), EndpointSet::EMPTY);
        silence.heard(target, endpoint, Some(&dead));
        assert_eq!(left_alone(), EndpointSet::only(endpoint));
        assert_eq!(silence.among(TargetId(1), EndpointSet::first(3)), EndpointSet::EMPTY);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_left_alone_at_once() {
        let silence = Silence::new(5);
        let busy = Obstacle {
            retry_after: Some(std::time::Duration::from_secs(60)),
            ..Obstacle::new(ObstacleKind::Throttled, "later")
        };
        silence.heard(TargetId(0), EndpointIndex(1), Some(&busy));
        let left_alone = silence.among(TargetId(0), EndpointSet::first(3));
        assert_eq!(left_alone, EndpointSet::only(EndpointIndex(1)));
    }
}
