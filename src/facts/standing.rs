//! Where things stand, read off the answers.

use super::{Evidence, Facts};
use crate::graph::Graph;
use crate::model::{EndpointSet, Slot, UnitId};

impl Facts {
    /// Where a slot's image or artifact was found, whichever its digest. Gates and tags have no place of their own.
    #[must_use]
    pub fn slot_at(&self, id: UnitId, slot: Slot) -> EndpointSet {
        let unit = self.unit(id);
        let found = |is: &dyn Fn(&Evidence) -> bool| {
            unit.found
                .iter()
                .filter(|(evidence, _)| is(evidence))
                .fold(EndpointSet::EMPTY, |all, (_, at)| all | *at)
        };
        match slot {
            Slot::Image => unit.image.present,
            Slot::Signature(form) => found(&|evidence| matches!(evidence, Evidence::Signature(f, _) if *f == form)),
            Slot::Attestation(kind) => found(&|evidence| matches!(evidence, Evidence::Attestation(k, _) if *k == kind)),
            Slot::Gate | Slot::Tag(_) => EndpointSet::EMPTY,
        }
    }

    /// Where a wanted unit's image, signatures and attestations all stand: there it can be read from.
    #[must_use]
    pub fn standing(&self, graph: &Graph, id: UnitId) -> EndpointSet {
        let unit = graph.unit(id);
        if unit.claim().is_none() {
            return EndpointSet::EMPTY;
        }
        // With `primary-only`, a claim that leaves out the primary has no signatures anywhere.
        let artifacts = !unit.artifact_endpoints(graph.target(graph.target_of(id))).is_empty();
        unit.slots()
            .filter(|slot| match slot {
                Slot::Image => true,
                Slot::Signature(_) | Slot::Attestation(_) => artifacts,
                Slot::Gate | Slot::Tag(_) => false,
            })
            .fold(EndpointSet::first(crate::model::MAX_ENDPOINTS), |standing, slot| {
                standing & self.slot_at(id, slot)
            })
    }
}
