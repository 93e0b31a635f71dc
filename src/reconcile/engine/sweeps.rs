//! When a place is looked at again though nothing is known to be amiss.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::facts::Ask;
use crate::model::Digest;

/// How long damage may stay unseen, by what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    pub tags: SignedDuration,
    /// Manifests, and with a session of that depth blobs.
    pub images: SignedDuration,
    /// Signatures and attestations.
    pub evidence: SignedDuration,
}

impl Periods {
    fn of(&self, ask: Ask) -> SignedDuration {
        match ask {
            Ask::Endpoint(_) | Ask::Tags(_) | Ask::Tag(_) => self.tags,
            Ask::Image(_) => self.images,
            Ask::Evidence(_) | Ask::Source(_) | Ask::Standing(_) => self.evidence,
        }
    }
}

/// Due times, spread over the period: each place has its own moment in it, the same in every process, so that neither all
/// places nor all daemons ask at once.
#[derive(Debug)]
pub(super) struct Sweeps {
    periods: Periods,
    due: BTreeSet<(Timestamp, Ask)>,
    known: HashMap<Ask, Timestamp>,
}

impl Sweeps {
    pub fn new(periods: Periods) -> Self {
        Self {
            periods,
            due: BTreeSet::new(),
            known: HashMap::new(),
        }
    }

    /// Looks at a place from now on. What is looked at already keeps its due time.
    pub fn add(&mut self, ask: Ask, now: Timestamp) {
        if self.known.contains_key(&ask) {
            return;
        }
        let period = self.periods.of(ask);
        let first = period.as_millis().max(0).saturating_mul(i128::from(fraction(ask))) >> 16;
        let first = SignedDuration::from_millis(i64::try_from(first).unwrap_or(i64::MAX));
        self.insert(ask, now, first);
    }

    fn insert(&mut self, ask: Ask, now: Timestamp, after: SignedDuration) {
        // A period of nothing would be a loop.
        let after = after.max(SignedDuration::from_millis(100));
        let at = now.saturating_add(after).unwrap_or(Timestamp::MAX);
        self.due.insert((at, ask));
        self.known.insert(ask, at);
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes what is due, the longest due first, and has it come again a period later.
    pub fn take(&mut self, now: Timestamp) -> Option<Ask> {
        let (at, ask) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, ask));
        // Counted from now, not from when it was due: a sweep that is late does not make the next ones come in a crowd.
        self.insert(ask, now, self.periods.of(ask));
        Some(ask)
    }

    /// Nobody wants to know of this place any more.
    pub fn remove(&mut self, ask: Ask) {
        if let Some(at) = self.known.remove(&ask) {
            self.due.remove(&(at, ask));
        }
    }
}

/// Of 65,536 parts, how many lie before a place's moment.
fn fraction(ask: Ask) -> u16 {
    let digest = Digest::of(format!("{ask:?}").as_bytes());
    u16::from_be_bytes([digest.as_bytes()[0], digest.as_bytes()[1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnitId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn sweeps() -> Sweeps {
        let hour = SignedDuration::from_hours(1);
        Sweeps::new(Periods {
            tags: hour,
            images: hour,
            evidence: hour,
        })
    }

    #[test]
    fn every_place_is_looked_at_once_in_each_period_and_not_all_at_once() {
        let mut sweeps = sweeps();
        (0..1_000).for_each(|unit| sweeps.add(Ask::Image(UnitId(unit)), at(0)));
        let mut looked = vec![Vec::new(); 1_000];
        for minute in 1..=180 {
            let mut now = 0;
            while let Some(ask) = sweeps.take(at(minute * 60)) {
                let Ask::Image(unit) = ask else { unreachable!() };
                looked[unit.index()].push(minute);
                now += 1;
            }
            assert!(now < 60, "{now} of 1,000 in one minute of sixty");
        }
        for minutes in looked {
            assert!((2..=3).contains(&minutes.len()), "{minutes:?}");
            assert!(minutes.windows(2).all(|pair| pair[1] - pair[0] <= 61), "{minutes:?}");
        }
    }

    #[test]
    fn what_nobody_wants_is_not_looked_at() {
        let mut sweeps = sweeps();
        let ask = Ask::Image(UnitId(0));
        sweeps.add(ask, at(0));
        sweeps.remove(ask);
        assert_eq!((sweeps.next(), sweeps.take(at(10_000))), (None, None));
        sweeps.add(ask, at(10_000));
        assert!(sweeps.next().is_some());
    }
}
