//! Endpoints that stopped answering while a run lasts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::{EndpointIndex, EndpointSet, TargetId};

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

    pub fn heard(&self, target: TargetId, endpoint: EndpointIndex, answered: bool) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            unanswered.remove(&(target, endpoint));
        } else {
            *unanswered.entry((target, endpoint)).or_default() += 1;
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

    #[test]
    fn only_silence_without_interruption_counts() {
        let silence = Silence::new(2);
        let (target, endpoint) = (TargetId(0), EndpointIndex(1));
        let left_alone = || silence.among(target, EndpointSet::first(3));
        silence.heard(target, endpoint, false);
        silence.heard(target, endpoint, true);
        silence.heard(target, endpoint, false);
        assert_eq!(left_alone(), EndpointSet::EMPTY);
        silence.heard(target, endpoint, false);
        assert_eq!(left_alone(), EndpointSet::only(endpoint));
        assert_eq!(silence.among(TargetId(1), EndpointSet::first(3)), EndpointSet::EMPTY);
    }
}
