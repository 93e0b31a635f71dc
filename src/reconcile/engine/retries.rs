//! When what could not be answered is asked again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::facts::Ask;
use crate::model::EndpointIndex;

const FIRST: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

type Place = (Ask, EndpointIndex);

/// Questions without a usable answer, each asked again after twice as long as the time before.
#[derive(Debug, Default)]
pub(super) struct Retries {
    due: BTreeSet<(Timestamp, Ask, EndpointIndex)>,
    places: BTreeMap<Place, (u32, Timestamp)>,
}

impl Retries {
    /// There was no answer. The registry may have asked not to be asked again before a while is over.
    pub fn failed(&mut self, ask: Ask, endpoint: EndpointIndex, wait: Option<SignedDuration>, now: Timestamp) {
        let failures = self.places.get(&(ask, endpoint)).map_or(0, |(failures, _)| *failures);
        self.forget(ask, endpoint);
        // The longer of both: a registry that names a moment knows its quota, and not how often it has failed us.
        let own = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
        let at = now
            .saturating_add(own.max(wait.unwrap_or_default()))
            .unwrap_or(Timestamp::MAX);
        self.places.insert((ask, endpoint), (failures.saturating_add(1), at));
        self.due.insert((at, ask, endpoint));
    }

    /// Whatever came of it, it is not asked before this moment, and then it is.
    pub fn not_before(&mut self, ask: Ask, endpoint: EndpointIndex, at: Timestamp) {
        let failures = match self.places.get(&(ask, endpoint)) {
            Some((_, due)) if *due >= at && self.due.contains(&(*due, ask, endpoint)) => return,
            Some((failures, _)) => *failures,
            None => 0,
        };
        self.forget(ask, endpoint);
        self.places.insert((ask, endpoint), (failures, at));
        self.due.insert((at, ask, endpoint));
    }

    /// There was one, or nobody wants to know any more.
    pub fn forget(&mut self, ask: Ask, endpoint: EndpointIndex) {
        if let Some((_, at)) = self.places.remove(&(ask, endpoint)) {
            self.due.remove(&(at, ask, endpoint));
        }
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Takes what may be asked again. How often it failed is remembered until it is answered.
    pub fn take(&mut self, now: Timestamp) -> Option<Place> {
        let (_, ask, endpoint) = *self.due.first().filter(|(at, ..)| *at <= now)?;
        self.due.pop_first();
        Some((ask, endpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnitId;

    const ASK: Ask = Ask::Image(UnitId(0));
    const HERE: EndpointIndex = EndpointIndex::PRIMARY;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn waits_double_up_to_their_bound_and_begin_anew_after_an_answer() {
        let mut retries = Retries::default();
        let wait = |retries: &mut Retries| {
            retries.failed(ASK, HERE, None, at(0));
            retries.next().map(Timestamp::as_second)
        };
        let waits: Vec<_> = (0..8).map(|_| wait(&mut retries)).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300].map(Some));
        retries.forget(ASK, HERE);
        assert_eq!(retries.next(), None);
        assert_eq!(wait(&mut retries), Some(5));
    }

    #[test]
    fn what_is_left_alone_is_asked_when_its_time_is_over_and_not_before() {
        let mut retries = Retries::default();
        retries.failed(ASK, HERE, None, at(0));
        retries.not_before(ASK, HERE, at(60));
        retries.not_before(ASK, HERE, at(30));
        assert_eq!((retries.take(at(59)), retries.take(at(60))), (None, Some((ASK, HERE))));
        retries.not_before(ASK, HERE, at(90));
        assert_eq!(retries.next(), Some(at(90)));
    }

    #[test]
    fn a_registry_that_asks_for_more_time_gets_it() {
        let mut retries = Retries::default();
        retries.failed(ASK, HERE, Some(SignedDuration::from_secs(60)), at(0));
        assert_eq!((retries.take(at(59)), retries.take(at(60))), (None, Some((ASK, HERE))));
        assert_eq!(retries.take(at(1_000)), None);
    }
}
