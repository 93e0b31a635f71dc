//! Answers that are too old count as not asked.

use jiff::{SignedDuration, Timestamp};

use super::answer::SourceAnswer;
use super::question::Ask;
use super::store::{Ages, Known};
use super::{Facts, SourceFact};
use crate::model::{EndpointIndex, EndpointSet};

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub tags: SignedDuration,
    pub images: SignedDuration,
    pub evidence: SignedDuration,
}

impl Bounds {
    /// Whatever was answered counts.
    pub const ANY: Self = Self {
        tags: SignedDuration::MAX,
        images: SignedDuration::MAX,
        evidence: SignedDuration::MAX,
    };
    /// Everything is asked again in each pass.
    pub const FRESH: Self = Self {
        tags: SignedDuration::ZERO,
        images: SignedDuration::ZERO,
        evidence: SignedDuration::ZERO,
    };
}

/// Tenths of seconds: ages dominate the size of facts, and 32 bits of these last 13 years.
const TICK_MILLISECONDS: i128 = 100;

impl Facts {
    /// A moment as ages count it, from 1 on; 0 is before anything was known.
    pub(super) fn ticks(&self, at: Timestamp) -> u32 {
        let since = at.duration_since(self.epoch.unwrap_or(at)).as_millis();
        if since < 0 {
            return 0;
        }
        u32::try_from(since / TICK_MILLISECONDS + 1).unwrap_or(u32::MAX)
    }

    /// When an answer about a place was asked for, to a tenth of a second. `None` where there is none, or none that keeps
    /// its time.
    #[must_use]
    pub fn looked(&self, ask: Ask, endpoint: EndpointIndex) -> Option<Timestamp> {
        let looked = match ask {
            Ask::Tags(repository) => &self.repositories[repository.index()].looked,
            Ask::Tag(tag) => &self.tags[tag.index()].looked,
            Ask::Image(unit) => &self.units[unit.index()].image_looked,
            Ask::Evidence(unit) => &self.units[unit.index()].evidence_looked,
            Ask::Endpoint(_) | Ask::Source(_) | Ask::Standing(_) => return None,
        };
        let ticks = looked.get(endpoint).checked_sub(1)?;
        let since = SignedDuration::from_millis(i64::from(ticks) * TICK_MILLISECONDS as i64);
        self.epoch?.checked_add(since).ok()
    }

    /// Starts a pass: `Unknown` and `Forbidden` held until now, endpoints are asked again whether they answer, and
    /// what is older than its bound is forgotten. What a source offered whole stays: a digest's content does not change.
    pub fn begin_pass(&mut self, bounds: &Bounds, now: Timestamp) {
        self.epoch.get_or_insert(now);
        self.failures.clear();
        self.not_standing.clear();
        self.sources
            .retain(|_, fact| matches!(fact, SourceFact::Answered(SourceAnswer::Whole(_))));
        self.endpoints.iter_mut().for_each(|known| *known = Known::default());
        // Without any age allowed, even what was answered in this very tenth of a second is asked again.
        let limit = |bound: SignedDuration| {
            let oldest = self.ticks(now.saturating_sub(bound).unwrap_or(Timestamp::MIN));
            oldest.saturating_add(u32::from(bound.is_zero()))
        };
        let (tags, images, evidence) = (limit(bounds.tags), limit(bounds.images), limit(bounds.evidence));
        for repository in &mut self.repositories {
            let stale = stale(repository.list, &repository.looked, tags);
            repository.list.forget(stale);
            repository.names.retain_mut(|(_, at)| {
                *at -= stale;
                !at.is_empty()
            });
        }
        for tag in &mut self.tags {
            let stale = stale(tag.known, &tag.looked, tags) | tag.listed;
            tag.known.forget(stale);
            tag.values.forget(stale);
            tag.listed -= stale;
        }
        for unit in &mut self.units {
            let old = stale(unit.image, &unit.image_looked, images);
            unit.image.forget(old);
            unit.blobs -= old;
            let old = stale(unit.evidence, &unit.evidence_looked, evidence);
            unit.forget_evidence(old);
        }
    }
}

impl Facts {
    /// What brought no answer, or none that can be used, counts as not asked.
    pub fn forget_failure(&mut self, ask: Ask, endpoint: EndpointIndex) {
        let at = EndpointSet::only(endpoint);
        self.failures.remove(&(ask, endpoint));
        let known = match ask {
            Ask::Endpoint(target) => &mut self.endpoints[target.index()],
            Ask::Tags(repository) => &mut self.repositories[repository.index()].list,
            Ask::Image(unit) => &mut self.units[unit.index()].image,
            Ask::Evidence(unit) => &mut self.units[unit.index()].evidence,
            Ask::Tag(tag) => &mut self.tags[tag.index()].known,
            Ask::Source(unit) => {
                if !matches!(
                    self.sources.get(&unit),
                    Some(SourceFact::Answered(SourceAnswer::Whole(_)))
                ) {
                    self.sources.remove(&unit);
                }
                return;
            }
            Ask::Standing(_) => return,
        };
        known.forbidden -= at;
        known.unknown -= at;
    }
}

fn stale(known: Known, looked: &Ages, limit: u32) -> EndpointSet {
    known.forbidden | known.unknown | looked.before(limit, known.answered())
}

impl super::UnitFacts {
    pub(super) fn forget_evidence(&mut self, endpoints: EndpointSet) {
        self.evidence.forget(endpoints);
        self.found.retain_mut(|(_, at)| {
            *at -= endpoints;
            !at.is_empty()
        });
        self.twice.retain_mut(|(_, at)| {
            *at -= endpoints;
            !at.is_empty()
        });
        self.missing_carried.retain_mut(|(_, at)| {
            *at -= endpoints;
            !at.is_empty()
        });
    }
}
