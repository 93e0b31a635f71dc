//! What has to be known already before registries can be asked.

use std::sync::Arc;

use crate::facts::{Facts, Memory, SourceFact};
use crate::graph::Graph;
use crate::model::{Admission, Carried, EndpointSet, UnitId};

/// What earlier answers and landfall's memory say of a unit.
pub trait Expectations: Sync {
    /// What travels with the image: by its admission, else by what its source offered. `None` where neither is known.
    fn carried(&self, unit: UnitId) -> Option<Arc<[Carried]>>;

    /// What travelled when the image was admitted; nothing before.
    fn travelled(&self, unit: UnitId) -> Arc<[Carried]>;

    /// Where the unit's image, signatures and attestations all stand: chained units are read from there.
    fn standing(&self, unit: UnitId) -> EndpointSet;
}

/// Expectations as the planner has them.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub graph: &'a Graph,
    pub facts: &'a Facts,
    pub memory: &'a Memory,
}

impl Known<'_> {
    fn admission(&self, unit: UnitId) -> Option<&Arc<Admission>> {
        let remembered = self.memory.admissions.get(&unit);
        remembered.or(self.facts.unit(unit).admission.as_ref())
    }
}

impl Expectations for Known<'_> {
    fn carried(&self, unit: UnitId) -> Option<Arc<[Carried]>> {
        if let Some(admission) = self.admission(unit) {
            return Some(Arc::clone(&admission.carried));
        }
        match self.facts.source(unit) {
            Some(SourceFact::Answered(answer)) => answer.image().map(|image| Arc::clone(&image.carried)),
            _ => None,
        }
    }

    fn travelled(&self, unit: UnitId) -> Arc<[Carried]> {
        self.admission(unit)
            .map(|admission| Arc::clone(&admission.carried))
            .unwrap_or_default()
    }

    fn standing(&self, unit: UnitId) -> EndpointSet {
        let standing = self.facts.standing(self.graph, unit);
        let known = self.facts.endpoints(self.graph.target_of(unit));
        let answering = standing - (known.unknown | known.forbidden);
        // Where none of them answers, their own words say why.
        if answering.is_empty() { standing } else { answering }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::{Answer, Ask, Depth, EvidenceAnswer, ImageAnswer, SourceAnswer, SourceImage};
    use crate::model::{CarriedKind, Digest, SignatureForm};
    use crate::observe::tests::fixture::{Fixture, MIRROR, PRIMARY, promotion_by, signature_by};

    fn carried(name: &str) -> Carried {
        Carried {
            digest: Digest::of(name.as_bytes()),
            kind: CarriedKind::Referrer {
                subject: Digest::of(b"image"),
            },
        }
    }

    #[test]
    fn what_travels_is_what_was_admitted_and_before_that_what_the_source_offers() {
        let fixture = Fixture::new();
        let (graph, unit) = (&fixture.graph, fixture.unit);
        let mut facts = Facts::new(graph);
        let mut memory = Memory::default();
        let travels = |facts: &Facts, memory: &Memory| Known { graph, facts, memory }.carried(unit);
        let travelled = |facts: &Facts, memory: &Memory| Known { graph, facts, memory }.travelled(unit).to_vec();
        assert_eq!(travels(&facts, &memory), None);
        let offered = SourceAnswer::Whole(Arc::new(SourceImage {
            below: Arc::default(),
            needs: Arc::default(),
            repository: fixture.source(),
            carried: [carried("offered")].into(),
            found_standing: false,
            found: Vec::new(),
        }));
        let mut record = |ask, answer| {
            facts.record(graph, ask, Depth::Manifests, PRIMARY, answer, Timestamp::UNIX_EPOCH);
        };
        record(Ask::Source(unit), Answer::Source(offered));
        assert_eq!(travels(&facts, &memory).as_deref(), Some(&[carried("offered")][..]));
        assert_eq!(travelled(&facts, &memory), []);
        let mut record = |ask, answer| {
            facts.record(graph, ask, Depth::Manifests, PRIMARY, answer, Timestamp::UNIX_EPOCH);
        };
        let recorded = EvidenceAnswer {
            admission: Some(Arc::new(fixture.admission(&[carried("recorded")]))),
            ..EvidenceAnswer::default()
        };
        record(Ask::Evidence(unit), Answer::Evidence(recorded));
        assert_eq!(travels(&facts, &memory).as_deref(), Some(&[carried("recorded")][..]));
        assert_eq!(travelled(&facts, &memory), [carried("recorded")]);
        let admitted = Arc::new(fixture.admission(&[carried("admitted")]));
        memory.admissions.insert(unit, admitted);
        assert_eq!(travels(&facts, &memory).as_deref(), Some(&[carried("admitted")][..]));
    }

    #[test]
    fn a_unit_stands_where_all_that_it_needs_does() {
        let fixture = Fixture::new();
        let (graph, unit) = (&fixture.graph, fixture.unit);
        let mut facts = Facts::new(graph);
        let mut record = |ask, endpoint, answer| {
            facts.record(graph, ask, Depth::Manifests, endpoint, answer, Timestamp::UNIX_EPOCH);
        };
        let digest = Digest::of(b"artifact");
        let found = [
            signature_by(&fixture.key, SignatureForm::Bundle, digest),
            signature_by(&fixture.key, SignatureForm::Tag, digest),
            promotion_by(&fixture.key, digest),
        ];
        for (endpoint, count) in [(PRIMARY, 2), (MIRROR, 3)] {
            record(Ask::Image(unit), endpoint, Answer::Image(ImageAnswer::Whole));
            let evidence = EvidenceAnswer {
                found: found[..count].to_vec(),
                ..EvidenceAnswer::default()
            };
            record(Ask::Evidence(unit), endpoint, Answer::Evidence(evidence));
        }
        let memory = Memory::default();
        let known = Known {
            graph,
            facts: &facts,
            memory: &memory,
        };
        assert_eq!(known.standing(unit), EndpointSet::only(MIRROR));
    }
}
