//! Signatures and attestations: made once, the same bytes everywhere.

use super::blocked::Cause;
use super::planner::Planner;
use super::step::{Action, Content, Provider, Step};
use super::support;
use super::unit::Subject;
use crate::facts::Evidence;
use crate::graph::{Dependency, DependsAt};
use crate::model::{Digest, EndpointIndex, EndpointSet, Slot};

/// One artifact slot, and where it stands or will stand after this plan.
pub(super) struct Artifact {
    pub slot: Slot,
    pub ready: EndpointSet,
    /// Where this plan attaches it.
    pub attached: EndpointSet,
}

impl Planner<'_> {
    pub(super) fn artifacts(&mut self, subject: &Subject<'_>, image_ready: EndpointSet) -> Vec<Artifact> {
        subject
            .unit
            .slots()
            .filter(|slot| matches!(slot, Slot::Signature(_) | Slot::Attestation(_)))
            .map(|slot| self.artifact(subject, slot, image_ready))
            .collect()
    }

    fn artifact(&mut self, subject: &Subject<'_>, slot: Slot, image_ready: EndpointSet) -> Artifact {
        let evidence = subject.evidence();
        let present = self.facts.slot_at(subject.id, slot) & subject.up;
        let wanted = subject.evidence_wanted() & subject.up;
        let missing = (wanted & evidence.answered() & image_ready) - present;
        let mut artifact = Artifact {
            slot,
            ready: present,
            attached: EndpointSet::EMPTY,
        };
        if missing.is_empty() || !subject.passes() {
            return artifact;
        }
        let node = subject.node(slot);
        let missing = self.able(subject.target_id, node, missing, support::of_artifact(slot));
        if missing.is_empty() {
            return artifact;
        }
        let journal = self.memory.journal.get(&node).copied();
        let (content, from) = if let Some((digest, from)) = self.standing_artifact(subject, slot, journal) {
            (Content::Known(digest), from)
        } else if let Some(digest) = journal {
            (Content::Journal(digest), Box::default())
        } else if !may_travel(subject) && self.may_make(subject, slot) {
            let step = Step {
                node,
                action: Action::Sign,
                at: EndpointSet::EMPTY,
                after: Box::default(),
                because: subject.reason(),
            };
            if !self.emit_sign(subject.target_id, step) {
                return artifact;
            }
            (Content::MadeHere, Box::default())
        } else {
            return artifact;
        };
        artifact.attached = self.emit(
            subject.target_id,
            Step {
                node,
                action: Action::Attach { content, from },
                at: missing,
                after: [Dependency {
                    node: subject.node(Slot::Image),
                    at: DependsAt::SameEndpoint,
                }]
                .into(),
                because: subject.reason(),
            },
        );
        artifact.ready |= artifact.attached;
        artifact
    }

    /// An artifact of the slot that stands somewhere and can be spread: the journal's, else the lowest digest.
    fn standing_artifact(
        &self,
        subject: &Subject<'_>,
        slot: Slot,
        journal: Option<Digest>,
    ) -> Option<(Digest, Box<[Provider]>)> {
        let at_endpoints = subject
            .facts
            .found
            .iter()
            .filter_map(|(evidence, at)| Some((digest_in(evidence, slot)?, *at & subject.up)))
            .filter(|(_, at)| !at.is_empty());
        let at_source = subject
            .source
            .into_iter()
            .flat_map(|source| &source.found)
            .filter_map(|evidence| Some((digest_in(evidence, slot)?, EndpointSet::EMPTY)));
        let preferred = at_endpoints
            .chain(at_source)
            .min_by_key(|(digest, at)| (Some(*digest) != journal, at.is_empty(), *digest))?;
        let (digest, at) = preferred;
        let from_source = subject
            .source
            .is_some_and(|source| source.found.iter().any(|e| digest_in(e, slot) == Some(digest)));
        let from = subject
            .spread(at)
            .chain(from_source.then_some(Provider::Source))
            .collect();
        Some((digest, from))
    }

    /// Whether making an artifact anew cannot make a second one: nobody made one before, or it is gone everywhere.
    fn may_make(&mut self, subject: &Subject<'_>, slot: Slot) -> bool {
        let known_to_state = subject.admitted_by_state || subject.admission.is_none();
        if self.memory.intact && known_to_state && !self.memory.made.contains(&subject.node(slot)) {
            return true;
        }
        let wanted = subject.evidence_wanted();
        let silent = wanted - subject.up;
        let unanswered = (wanted & subject.up) - subject.evidence().answered();
        if !unanswered.is_empty() {
            // Asked or blocked already, by name, where evidence is asked for.
            return false;
        }
        let mut may = true;
        for endpoint in silent.iter() {
            let since = self.memory.silent_since.get(&(subject.target_id, endpoint));
            let over = since.and_then(|since| since.saturating_add(self.scope.sign_patience).ok());
            let patient = over.is_some_and(|over| self.now >= over);
            if let Some(over) = over.filter(|_| !patient) {
                self.wake_at(over);
            }
            if self.scope.sign_despite_silence || (patient && self.memory.intact) {
                continue;
            }
            may = false;
            // An endpoint that was not asked yet is a question already.
            if self.facts.endpoints(subject.target_id).asked().contains(endpoint) {
                self.block(
                    Cause::Silence {
                        target: subject.target_id,
                        endpoint,
                    },
                    subject.node(slot),
                );
            }
        }
        may
    }

    /// Where every artifact that a tag needs stands or will stand.
    pub(super) fn tag_may_stand(
        &self,
        subject: &Subject<'_>,
        image: EndpointSet,
        artifacts: &[Artifact],
    ) -> EndpointSet {
        let primary_only = subject.target.signatures == crate::model::SignaturePlacement::PrimaryOnly;
        artifacts.iter().fold(image, |ready, artifact| {
            if !primary_only {
                ready & artifact.ready
            } else if artifact.ready.contains(EndpointIndex::PRIMARY)
                || !subject.claim.endpoints.contains(EndpointIndex::PRIMARY)
            {
                ready
            } else {
                EndpointSet::EMPTY
            }
        })
    }
}

/// Whether the artifact may be among what travels with the image: something does, and it was neither seen at the source
/// in this process nor found whole at an endpoint. It is known once the copy, which is planned too, has brought it.
fn may_travel(subject: &Subject<'_>) -> bool {
    let travels = subject.carried().is_some_and(|carried| !carried.is_empty());
    let lacking = subject
        .facts
        .missing_carried
        .iter()
        .fold(EndpointSet::EMPTY, |all, (_, at)| all | *at);
    travels && subject.source.is_none() && (subject.facts.evidence.present - lacking).is_empty()
}

/// The digest of an artifact, where it is of this slot.
fn digest_in(evidence: &Evidence, slot: Slot) -> Option<Digest> {
    match (evidence, slot) {
        (Evidence::Signature(form, digest), Slot::Signature(wanted)) if *form == wanted => Some(*digest),
        (Evidence::Attestation(kind, digest), Slot::Attestation(wanted)) if *kind == wanted => Some(*digest),
        _ => None,
    }
}
