//! Where things stand, read off the answers.

use super::Facts;
use crate::graph::Graph;
use crate::model::{ArtifactKind, EndpointSet, SignerIdentity, Slot, UnitId};

impl Facts {
    /// Where an artifact was found that somebody signed of whom `counts` is true, whichever its digest.
    #[must_use]
    pub fn artifact_at(&self, id: UnitId, kind: ArtifactKind, counts: impl Fn(SignerIdentity) -> bool) -> EndpointSet {
        self.unit(id)
            .found
            .iter()
            .filter(|(evidence, _)| evidence.kind == kind && counts(evidence.by))
            .fold(EndpointSet::EMPTY, |all, (_, at)| all | *at)
    }

    /// Where a slot's image stands, or an artifact of it by somebody who counts for the claim. Gates and tags have no
    /// place of their own.
    #[must_use]
    pub fn slot_at(&self, graph: &Graph, id: UnitId, slot: Slot) -> EndpointSet {
        match slot.artifact() {
            Some(kind) => match graph.unit(id).claim().and_then(|claim| claim.signer.as_deref()) {
                Some(signer) => self.artifact_at(id, kind, |by| signer.counts(by)),
                None => EndpointSet::EMPTY,
            },
            None if slot == Slot::Image => self.unit(id).image.present,
            None => EndpointSet::EMPTY,
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
                standing & self.slot_at(graph, id, slot)
            })
    }
}
