//! Signatures and attestations: made once by each signer, the same bytes everywhere.

use jiff::SignedDuration;

use super::blocked::Cause;
use super::planner::Planner;
use super::step::{Action, Content, Provider, Reason, Step};
use super::support;
use super::unit::Subject;
use crate::facts::Evidence;
use crate::graph::{Dependency, DependsAt};
use crate::model::{ArtifactKind, Digest, EndpointIndex, EndpointSet, Signer, SignerIdentity, Slot};

/// So many artifacts of admitted claims are signed anew in a minute at most, because their signer has another key: a
/// commit of one line can ask for a million writes.
pub const ROTATIONS_PER_MINUTE: usize = 1_000;
pub const ROTATION_WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// One artifact slot, and where it stands or will stand after this plan.
pub(super) struct Artifact {
    pub slot: Slot,
    pub ready: EndpointSet,
    /// Where this plan attaches it.
    pub attached: EndpointSet,
}

/// What shows that a claim was signed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignedBefore {
    /// Nothing does.
    No,
    /// Under this state, which knows what was made.
    Here,
    /// The registries hold a record or a signature that this state does not know: an earlier one made it, and was lost.
    Elsewhere,
}

impl Planner<'_> {
    pub(super) fn artifacts(&mut self, subject: &Subject<'_>, image_ready: EndpointSet) -> Vec<Artifact> {
        let Some(signer) = subject.claim.signer.as_deref() else {
            return Vec::new();
        };
        self.duplicates(subject, signer);
        let kinds = subject.unit.slots().filter_map(Slot::artifact);
        kinds
            .map(|kind| self.artifact(subject, kind, signer, image_ready))
            .collect()
    }

    fn artifact(
        &mut self,
        subject: &Subject<'_>,
        kind: ArtifactKind,
        signer: &Signer,
        image_ready: EndpointSet,
    ) -> Artifact {
        let (slot, me) = (kind.slot(), signer.identity());
        let counts = |by| signer.counts(by);
        // What an earlier key signed lets a tag stand as before; the present key's is made and spread beside it.
        let standing = self.facts.artifact_at(subject.id, kind, counts) & subject.up;
        let own = self.facts.artifact_at(subject.id, kind, |by| by == me);
        let wanted = subject.evidence_wanted() & subject.up & subject.evidence().answered() & image_ready;
        let mut artifact = Artifact {
            slot,
            ready: standing,
            attached: EndpointSet::EMPTY,
        };
        if (wanted - own).is_empty() || !subject.passes() {
            return artifact;
        }
        let node = subject.node(slot);
        let missing = self.able(subject.target_id, node, wanted - own, support::of_artifact(slot));
        if missing.is_empty() {
            return artifact;
        }
        let reason = self.why(subject, kind, me);
        let (content, from, missing) = match self.own_artifact(subject, kind, me, reason) {
            Some((content, from)) => (content, from, missing),
            // Where nothing stands that counts, an earlier key's is better than nothing until the present one may sign.
            None => match self.standing_artifact(subject, kind, counts) {
                Some((digest, from)) => (Content::Known(digest), from, missing - standing),
                None => return artifact,
            },
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
                because: reason,
            },
        );
        artifact.ready |= artifact.attached;
        artifact
    }

    /// The present signer's artifact: one that stands somewhere, else journalled bytes, else one that is made now.
    fn own_artifact(
        &mut self,
        subject: &Subject<'_>,
        kind: ArtifactKind,
        me: SignerIdentity,
        because: Reason,
    ) -> Option<(Content, Box<[Provider]>)> {
        let node = subject.node(kind.slot());
        if let Some((digest, from)) = self.standing_artifact(subject, kind, |by| by == me) {
            return Some((Content::Known(digest), from));
        }
        if let Some(digest) = self.memory.waiting.get(&(node, me)).copied() {
            return Some((Content::Journal(digest), Box::default()));
        }
        if may_travel(subject) || !self.may_make(subject, kind, me) {
            return None;
        }
        if because == Reason::Rotated && !self.may_rotate(node) {
            return None;
        }
        let step = Step {
            node,
            action: Action::Sign,
            at: EndpointSet::EMPTY,
            after: Box::default(),
            because,
        };
        self.emit_sign(subject.target_id, step)
            .then(|| (Content::MadeHere, Box::default()))
    }

    /// An artifact of this kind, signed by somebody of whom `counts` is true, that stands somewhere and can be spread:
    /// the lowest digest, so that every process chooses the same.
    fn standing_artifact(
        &self,
        subject: &Subject<'_>,
        kind: ArtifactKind,
        counts: impl Fn(SignerIdentity) -> bool,
    ) -> Option<(Digest, Box<[Provider]>)> {
        let digest_in = |evidence: &Evidence| (evidence.kind == kind && counts(evidence.by)).then_some(evidence.digest);
        let at_endpoints = subject
            .facts
            .found
            .iter()
            .filter_map(|(evidence, at)| Some((digest_in(evidence)?, *at & subject.up)))
            .filter(|(_, at)| !at.is_empty());
        let at_source = subject
            .source
            .into_iter()
            .flat_map(|source| &source.found)
            .filter_map(|evidence| Some((digest_in(evidence)?, EndpointSet::EMPTY)));
        let preferred = at_endpoints
            .chain(at_source)
            .min_by_key(|(digest, at)| (at.is_empty(), *digest))?;
        let (digest, at) = preferred;
        let from_source = subject
            .source
            .is_some_and(|source| source.found.iter().any(|found| digest_in(found) == Some(digest)));
        let from = subject
            .spread(at)
            .chain(from_source.then_some(Provider::Source))
            .collect();
        Some((digest, from))
    }

    /// Whether it is missing because nobody made it, it was lost, or its signer has another key now.
    fn why(&self, subject: &Subject<'_>, kind: ArtifactKind, me: SignerIdentity) -> Reason {
        let makers = self.memory.makers(subject.node(kind.slot()));
        let found = subject.facts.found.iter().map(|(evidence, _)| evidence);
        let mut by = makers
            .iter()
            .copied()
            .chain(found.filter(|found| found.kind == kind).map(|found| found.by))
            .peekable();
        if subject.admission.is_some() && by.peek().is_some() && by.all(|by| by != me) {
            Reason::Rotated
        } else {
            subject.reason()
        }
    }

    /// Whether another admitted claim may be signed anew within this minute.
    fn may_rotate(&mut self, node: crate::model::NodeId) -> bool {
        if self.rotations > 0 {
            self.rotations -= 1;
            return true;
        }
        let oldest = self.memory.rotated.front().copied().unwrap_or(self.now);
        let until = oldest.saturating_add(ROTATION_WINDOW).unwrap_or(self.now);
        self.wake_at(until);
        self.block(Cause::Rotation { until }, node);
        false
    }

    /// Whether making an artifact anew cannot make a second one in any registry: the signer made none before, or it is
    /// gone wherever it could stand.
    fn may_make(&mut self, subject: &Subject<'_>, kind: ArtifactKind, me: SignerIdentity) -> bool {
        let node = subject.node(kind.slot());
        // A record that state knows nothing of was made by somebody else, however new the claim is here.
        let is_known_to_state =
            (subject.admitted_by_state || subject.admission.is_none()) && !self.memory.recorded.contains(&subject.id);
        if self.memory.new.contains(&subject.id) && is_known_to_state && !self.memory.was_made(node, me) {
            return true;
        }
        let wanted = subject.evidence_wanted();
        // An open question is no silence: it is asked or blocked already, by name, where evidence is asked for.
        if !((wanted & subject.up) - subject.evidence().answered()).is_empty() {
            return false;
        }
        let before = self.signed_before(subject);
        let asked = self.facts.endpoints(subject.target_id).asked();
        let mut may = true;
        for endpoint in (wanted - subject.up).iter() {
            if !asked.contains(endpoint) {
                // Whether it answers is a question already.
                may = false;
                continue;
            }
            let since = self.memory.silent_since.get(&(subject.target_id, endpoint));
            let over = since.and_then(|since| since.saturating_add(self.scope.sign_patience).ok());
            let is_patient = over.is_some_and(|over| self.now >= over);
            if let Some(over) = over.filter(|_| !is_patient) {
                self.wake_at(over);
            }
            let need_not_wait = match before {
                // A mirror that comes back with an older one keeps it: it is signed twice in no registry.
                SignedBefore::No => endpoint != EndpointIndex::PRIMARY || is_patient,
                SignedBefore::Here => is_patient,
                SignedBefore::Elsewhere => false,
            };
            if self.scope.sign_despite_silence || need_not_wait {
                continue;
            }
            may = false;
            let target = subject.target_id;
            self.block(Cause::Silence { target, endpoint }, node);
        }
        may
    }

    /// A record or a signature of ours shows that a claim was signed before. A tag does not: other tools set them too.
    fn signed_before(&self, subject: &Subject<'_>) -> SignedBefore {
        let kinds = || subject.unit.slots().filter_map(Slot::artifact);
        let is_known = kinds().any(|kind| !self.memory.makers(subject.node(kind.slot())).is_empty());
        let signer = subject.claim.signer.as_deref();
        let counts = |by| signer.is_some_and(|signer| signer.counts(by));
        if self.memory.recorded.contains(&subject.id) {
            SignedBefore::Elsewhere
        } else if is_known {
            SignedBefore::Here
        } else if subject.facts.admission.is_some() || subject.facts.found.iter().any(|(found, _)| counts(found.by)) {
            SignedBefore::Elsewhere
        } else {
            SignedBefore::No
        }
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
