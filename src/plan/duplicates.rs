//! What one key signed more than once at one place.
//!
//! Two processes with memories of their own, or one that lost its memory, sign the same image twice. Of those that say the
//! same the one with the lowest digest stays, so that all processes choose alike; the others go once that one verifies
//! there. What says anything else, has entries of a log beside it, travelled with the image or is claimed by somebody stays.

use std::sync::Arc;

use super::planner::Planner;
use super::step::{Action, Reason, Step, Withheld};
use super::unit::Subject;
use crate::facts::Twice;
use crate::model::{ArtifactKind, Capability, Digest, Duplicates, EndpointIndex, EndpointSet, SignatureForm, Signer};

impl Planner<'_> {
    pub(super) fn duplicates(&mut self, subject: &Subject<'_>, signer: &Signer) {
        // What was not admitted is not known to have travelled or not.
        if subject.facts.twice.is_empty() || subject.admission.is_none() {
            return;
        }
        let facts = subject.facts;
        for (Twice { kept, others }, at) in &facts.twice {
            if !signer.counts(kept.by) {
                continue;
            }
            let mut groups: Vec<(Arc<[Digest]>, EndpointSet)> = Vec::new();
            for endpoint in (*at & subject.up & facts.found_at(*kept)).iter() {
                let others = others.iter().copied();
                let free: Arc<[Digest]> = others
                    .filter(|other| self.may_go(subject, kept.kind, *other, endpoint))
                    .collect();
                match groups.iter_mut().find(|(known, _)| *known == free) {
                    Some((_, at)) => at.insert(endpoint),
                    None if free.is_empty() => {}
                    None => groups.push((free, EndpointSet::only(endpoint))),
                }
            }
            for (artifacts, at) in groups {
                let step = Step {
                    node: subject.node(kept.kind.slot()),
                    action: Action::Remove {
                        artifacts,
                        keeps: kept.digest,
                    },
                    at,
                    after: Box::default(),
                    because: Reason::Duplicate,
                };
                match subject.target.duplicates {
                    Duplicates::Remove => {
                        self.emit(subject.target_id, step);
                    }
                    Duplicates::Report => self.withhold(step, Withheld::ReportOnly),
                }
            }
        }
    }

    /// Whether nobody needs it, and the registry may be able to remove it.
    fn may_go(&self, subject: &Subject<'_>, kind: ArtifactKind, artifact: Digest, endpoint: EndpointIndex) -> bool {
        if kind == ArtifactKind::Signature(SignatureForm::Tag) {
            // An entry goes as it came: by writing what stands under the tag anew. What travelled is compared by entries.
            return subject.carried().is_some_and(|carried| carried.is_empty());
        }
        let known = self.memory.capabilities.get(&(subject.target_id, endpoint));
        let able = known.and_then(|known| known.can(Capability::ManifestDeletion)) != Some(false);
        let repository = subject.unit.repository;
        let travelled = subject
            .carried()
            .is_none_or(|carried| carried.iter().any(|item| item.digest == artifact));
        let claimed = self.graph.unit_at(repository, artifact).is_some();
        // A manifest takes its tags along.
        let tagged = || {
            let mut tags = self.graph.tags_of(repository).iter();
            tags.any(|tag| self.facts.tag(*tag).values.at(artifact).contains(endpoint))
        };
        able && !travelled && !claimed && !tagged()
    }
}
