//! What a tag leaves behind when it moves.
//!
//! Some registries (zot, and Gitea for what was only ever tagged) drop a manifest with the last of its tags, also when
//! that moves away, whether or not an index lists the manifest or somebody claims it by its digest. What some claim
//! needs of it is looked at again and put back afterwards: that stands in the plan, as what is done if it was dropped.
//! What only this registry still has is kept by an anchor tag before.

use super::planner::{Displaced, Planner};
use super::step::{Action, Content, Provider, Reason, Step};
use super::unit::{Subject, spread};
use crate::facts::{Ask, Evidence, SourceFact};
use crate::graph::{Dependency, DependsAt};
use crate::model::{Capability, Carried, CarriedKind, Digest, EndpointSet, NodeId, Slot, TagId, TargetMode, UnitId};

/// Where a tag may be moved, and what has to be done about what it leaves.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub plain: EndpointSet,
    /// Where what is left gets an anchor tag first: nobody else has it.
    pub keeping: EndpointSet,
    /// What claims need of it, and can have from elsewhere.
    spared: Vec<Spared>,
}

impl Moves {
    /// Nothing is left behind.
    pub fn free(at: EndpointSet) -> Self {
        Self {
            plain: at,
            ..Self::default()
        }
    }
}

/// What a claim loses where a manifest is dropped.
#[derive(Debug, Clone)]
enum Part {
    /// The manifest is the image, or below it.
    Image,
    /// It is a signature or an attestation of ours.
    Artifact(Evidence),
    /// It travelled with the image.
    Carried(Carried),
}

#[derive(Debug)]
struct Spared {
    unit: UnitId,
    part: Part,
    at: EndpointSet,
    /// Who has it whatever becomes of the tag.
    from: Box<[Provider]>,
}

/// Where what may be lost can be had otherwise.
enum Elsewhere {
    Has(Box<[Provider]>),
    HasNot,
    NotKnown,
}

impl Planner<'_> {
    /// What moving `tag` away from `old` at these endpoints takes with it. Where that is not known yet, it is asked, and
    /// the move waits.
    pub(super) fn moves(&mut self, subject: &Subject<'_>, tag: TagId, old: Digest, at: EndpointSet) -> Moves {
        let mut moves = Moves::free(at);
        let exposed = self.may_drop(subject, at) - self.held(subject, tag, old);
        if exposed.is_empty() {
            return moves;
        }
        let graph = self.graph;
        // What a commit declared for the tag is an image; what somebody else set it on may be anything.
        let is_foreign = !self.was_declared(tag, old) && graph.unit_at(subject.unit.repository, old).is_none();
        let manifest = old;
        self.displaces(Displaced { manifest, is_foreign });
        // Where a neighbour has yet to be read, the move waits, whatever is known of the others.
        let mut unread = EndpointSet::EMPTY;
        for id in graph.units_of(subject.unit.repository) {
            let unit = graph.unit(id);
            let Some(claim) = unit.claim() else { continue };
            let here = exposed & claim.endpoints;
            if here.is_empty() || self.admission(id).is_none() {
                continue;
            }
            let mut unasked = |planner: &mut Self, ask, wanted: EndpointSet, asked| {
                let unasked = wanted - asked;
                if !planner.is_in_scope(id) {
                    planner.ask(ask, unasked, subject.class);
                }
                unread |= unasked;
            };
            match self.contains(id, old) {
                Some(false) => {}
                Some(true) => self.spare(id, Part::Image, here, exposed, subject, &mut moves),
                None => unasked(self, Ask::Image(id), here, self.facts.unit(id).image.asked()),
            }
            if is_foreign {
                let beside = here & self.looks_beside(id);
                unasked(self, Ask::Evidence(id), beside, self.facts.unit(id).evidence.asked());
                for part in self.beside(id, old) {
                    self.spare(id, part, here, exposed, subject, &mut moves);
                }
            }
        }
        moves.keeping = (moves.keeping & at) - unread;
        moves.plain -= moves.keeping | unread;
        moves
    }

    /// Where moving a tag of this image away from `old` may take a part of the image itself along.
    pub(super) fn endangers_itself(
        &self,
        subject: &Subject<'_>,
        tag: TagId,
        old: Digest,
        at: EndpointSet,
    ) -> EndpointSet {
        if self.contains(subject.id, old) != Some(true) && self.beside(subject.id, old).is_empty() {
            return EndpointSet::EMPTY;
        }
        self.may_drop(subject, at) - self.held(subject, tag, old)
    }

    /// Puts into the plan what is done where the registry drops what the tag left.
    pub(super) fn if_dropped(&mut self, subject: &Subject<'_>, tag: NodeId, moves: Moves, moved: EndpointSet) {
        if subject.target.mode == TargetMode::Observe {
            return;
        }
        let after = [Dependency {
            node: tag,
            at: DependsAt::SameEndpoint,
        }];
        for Spared { unit, part, at, from } in moves.spared {
            let (slot, action) = match part {
                Part::Image => {
                    let carried = self.admission(unit).map(|admission| admission.carried.clone());
                    let carried = carried.unwrap_or_default();
                    (Slot::Image, Action::Copy { from, carried })
                }
                Part::Artifact(evidence) => {
                    let content = Content::Known(evidence.digest);
                    (evidence.kind.slot(), Action::Attach { content, from })
                }
                Part::Carried(item) => {
                    let carried = [item].into();
                    (Slot::Image, Action::Copy { from, carried })
                }
            };
            let step = Step {
                node: NodeId { unit, slot },
                action,
                at: at & moved,
                after: after.into(),
                because: Reason::IfDropped,
            };
            self.plan_if_dropped(step);
        }
    }

    /// Decides how a claimed image comes to keep what it has in the manifest.
    fn spare(
        &mut self,
        unit: UnitId,
        part: Part,
        here: EndpointSet,
        exposed: EndpointSet,
        subject: &Subject<'_>,
        moves: &mut Moves,
    ) {
        match self.elsewhere(unit, &part, exposed) {
            // It is looked at again once the tag has moved, and put back.
            Elsewhere::Has(from) => moves.spared.push(Spared {
                unit,
                part,
                at: here,
                from,
            }),
            Elsewhere::HasNot => moves.keeping |= here,
            Elsewhere::NotKnown => {
                self.ask(Ask::Source(unit), EndpointSet::PRIMARY, subject.class);
                moves.plain -= here;
            }
        }
    }

    /// The endpoints at which the tag moves do not count: all of them may drop it in the same minute.
    fn elsewhere(&self, id: UnitId, part: &Part, exposed: EndpointSet) -> Elsewhere {
        let known = self.facts.unit(id);
        let answering = self.facts.endpoints(self.graph.target_of(id)).present - exposed;
        let having = match part {
            Part::Image => known.image.present,
            Part::Artifact(evidence) => known.found_at(*evidence),
            Part::Carried(item) => known.evidence.present - known.missing_at(item),
        };
        let others = spread(id, having & answering);
        if let Part::Artifact(evidence) = part {
            let node = NodeId {
                unit: id,
                slot: evidence.kind.slot(),
            };
            // State keeps the bytes of what was made under it.
            let has = !(having & answering).is_empty() || self.memory.was_made(node, evidence.by);
            return if has {
                Elsewhere::Has(others.collect())
            } else {
                Elsewhere::HasNot
            };
        }
        let source = self.facts.source(id);
        if !(having & answering).is_empty() {
            return Elsewhere::Has(others.chain([Provider::Source]).collect());
        }
        match source {
            None => Elsewhere::NotKnown,
            Some(SourceFact::Answered(answer)) => match (answer.image(), part) {
                (Some(image), Part::Carried(item)) if !image.carried.contains(item) => Elsewhere::HasNot,
                (Some(_), _) => Elsewhere::Has([Provider::Source].into()),
                (None, _) => Elsewhere::HasNot,
            },
            Some(_) => Elsewhere::HasNot,
        }
    }

    /// Where the registry is not known to keep manifests that lose their last tag.
    fn may_drop(&self, subject: &Subject<'_>, at: EndpointSet) -> EndpointSet {
        at.iter()
            .filter(|endpoint| {
                let known = self.memory.capabilities.get(&(subject.target_id, *endpoint));
                known.and_then(|known| known.can(Capability::DropsUntagged)) != Some(false)
            })
            .collect()
    }

    /// Where another claimed tag stands on `old` and stays there.
    fn held(&self, subject: &Subject<'_>, tag: TagId, old: Digest) -> EndpointSet {
        let unit = self.graph.unit_at(subject.unit.repository, old);
        let tags = unit.into_iter().flat_map(|unit| &self.graph.unit(unit).tags);
        tags.filter(|other| **other != tag)
            .fold(EndpointSet::EMPTY, |held, other| {
                held | self.facts.tag(*other).values.at(old)
            })
    }

    /// Whether an image is this manifest or lists it. `None` where its manifests were not read yet.
    fn contains(&self, id: UnitId, manifest: Digest) -> Option<bool> {
        if self.graph.unit(id).digest == manifest {
            return Some(true);
        }
        let below = self.facts.unit(id).below.as_ref()?;
        Some(below.contains(&manifest))
    }

    /// Where anything is looked for beside an image.
    fn looks_beside(&self, id: UnitId) -> EndpointSet {
        let unit = self.graph.unit(id);
        let Some(claim) = unit.claim() else {
            return EndpointSet::EMPTY;
        };
        if self
            .admission(id)
            .is_some_and(|admission| !admission.carried.is_empty())
        {
            claim.endpoints
        } else if claim.signer.is_some() {
            unit.artifact_endpoints(self.graph.target(self.graph.target_of(id)))
        } else {
            EndpointSet::EMPTY
        }
    }

    /// What stands beside an image and is this manifest.
    fn beside(&self, id: UnitId, manifest: Digest) -> Vec<Part> {
        let found = self.facts.unit(id).found.iter().map(|(evidence, _)| *evidence);
        let artifacts = found.filter(|found| found.digest == manifest).map(Part::Artifact);
        let carried = self
            .admission(id)
            .into_iter()
            .flat_map(|admission| admission.carried.iter());
        // What has a tag of cosign's keeps that.
        let carried = carried
            .filter(|item| item.digest == manifest && matches!(item.kind, CarriedKind::Referrer { .. }))
            .map(|item| Part::Carried(item.clone()));
        artifacts.chain(carried).collect()
    }
}
