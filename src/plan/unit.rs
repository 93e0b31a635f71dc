//! One unit: its admission, its image, what stands beside it, its tags.

use std::sync::Arc;

use super::blocked::Cause;
use super::planner::Planner;
use super::step::{Provider, Reason};
use crate::facts::{Ask, Class, Depth, Known, SourceAnswer, SourceFact, SourceImage, UnitFacts};
use crate::graph::Unit;
use crate::model::{
    Admission, Carried, Claim, EndpointIndex, EndpointSet, Incomplete, NodeId, PolicyMode, Slot, Source, TagId, Target,
    TargetId, UnitId,
};

/// What the parts of the planner share about the unit at hand.
pub(super) struct Subject<'a> {
    pub id: UnitId,
    pub unit: &'a Unit,
    pub claim: &'a Claim,
    pub target_id: TargetId,
    pub target: &'a Target,
    pub facts: &'a UnitFacts,
    /// Wanted endpoints that answer.
    pub up: EndpointSet,
    pub class: Class,
    pub admission: Option<&'a Arc<Admission>>,
    /// Whether landfall's own state knows the admission, rather than only a record at a registry.
    pub admitted_by_state: bool,
    pub source: Option<&'a Arc<SourceImage>>,
    /// Endpoints whose registry does not know the repository: nothing of this unit is there, unless asked and found.
    pub no_repository: EndpointSet,
}

impl Subject<'_> {
    pub fn node(&self, slot: Slot) -> NodeId {
        NodeId { unit: self.id, slot }
    }

    /// Whether something of this unit may be written: it is admitted, or its gate has passed.
    pub fn passes(&self) -> bool {
        self.admission.is_some() || self.source.is_some()
    }

    pub fn carried(&self) -> Option<&Arc<[Carried]>> {
        self.admission
            .map(|admission| &admission.carried)
            .or_else(|| self.source.map(|source| &source.carried))
    }

    pub fn reason(&self) -> Reason {
        if self.admission.is_some() {
            Reason::Missing
        } else if self.source.is_some_and(|source| source.found_standing) {
            Reason::FoundStanding
        } else {
            Reason::Promotion
        }
    }

    /// What is known of the unit's evidence; a missing repository has none.
    pub fn evidence(&self) -> Known {
        let mut known = self.facts.evidence;
        known.absent |= self.no_repository - known.asked();
        known
    }

    /// Endpoints at which artifacts are wanted: all, or the primary only.
    pub fn evidence_wanted(&self) -> EndpointSet {
        self.unit.artifact_endpoints(self.target)
    }

    /// The endpoints of `at` in the order in which they are read from: the primary, then mirrors, each unit
    /// beginning with another one so that no mirror serves all repairs.
    pub fn spread(&self, at: EndpointSet) -> impl Iterator<Item = Provider> + use<> {
        spread(self.id, at)
    }
}

/// See [`Subject::spread`].
pub(super) fn spread(unit: UnitId, at: EndpointSet) -> impl Iterator<Item = Provider> + use<> {
    let mirrors: Vec<EndpointIndex> = (at - EndpointSet::PRIMARY).iter().collect();
    let first = if mirrors.is_empty() {
        0
    } else {
        unit.index() % mirrors.len()
    };
    let primary = at.contains(EndpointIndex::PRIMARY).then_some(EndpointIndex::PRIMARY);
    primary
        .into_iter()
        .chain(mirrors.clone().into_iter().skip(first))
        .chain(mirrors.into_iter().take(first))
        .map(Provider::Endpoint)
}

impl<'a> Planner<'a> {
    pub(super) fn unit(&mut self, id: UnitId) {
        let graph = self.graph;
        let unit = graph.unit(id);
        let Some(claim) = unit.claim() else { return };
        let target_id = graph.target_of(id);
        let image_node = NodeId {
            unit: id,
            slot: Slot::Image,
        };

        let facts = self.facts.unit(id);
        let in_state = self.memory.admissions.get(&id);
        // What was decided here comes before what a registry holds of it: a record is for states that were lost.
        let admission = in_state.or(facts.admission.as_ref());
        let class = if admission.is_some() {
            self.scope.class
        } else {
            Class::Unblocks
        };

        let endpoints = self.facts.endpoints(target_id);
        self.ask(Ask::Endpoint(target_id), claim.endpoints - endpoints.asked(), class);
        self.block_failures(
            Ask::Endpoint(target_id),
            endpoints.forbidden & claim.endpoints,
            endpoints.unknown & claim.endpoints,
            image_node,
        );
        let up = claim.endpoints & endpoints.present;

        // One list answers most questions about a new image. What was admitted mostly stands, and lists carry no
        // digests: it is asked directly.
        let no_repository = if admission.is_none() {
            let list = self.facts.list(unit.repository);
            self.ask(Ask::Tags(unit.repository), up - list.asked(), class);
            self.block_failures(
                Ask::Tags(unit.repository),
                list.forbidden & up,
                list.unknown & up,
                image_node,
            );
            list.absent & up
        } else {
            EndpointSet::EMPTY
        };
        let mut subject = Subject {
            id,
            unit,
            claim,
            target_id,
            target: graph.target(target_id),
            facts,
            up,
            class,
            admission,
            admitted_by_state: in_state.is_some(),
            source: None,
            no_repository,
        };
        subject.source = match admission {
            None => self.source(&subject),
            Some(_) => self.known_source(id),
        };
        let image_ready = self.image(&mut subject);
        self.ask_evidence(&subject);
        let artifacts = self.artifacts(&subject, image_ready);
        self.tags(&subject, image_ready, &artifacts);
    }

    fn known_source(&self, id: UnitId) -> Option<&'a Arc<SourceImage>> {
        match self.facts.source(id) {
            Some(SourceFact::Answered(answer)) => answer.image(),
            _ => None,
        }
    }

    /// What the source offers; where that is not known, asks or blocks.
    pub(super) fn source(&mut self, subject: &Subject<'_>) -> Option<&'a Arc<SourceImage>> {
        let unit = subject.id;
        let gate = subject.node(Slot::Gate);
        if let Some(upstream) = self.graph.upstream(unit)
            && self.facts.standing(self.graph, upstream).is_empty()
        {
            self.block(Cause::Upstream { unit: upstream }, gate);
            return None;
        }
        let cause = match self.facts.source(unit) {
            None => {
                // Without an endpoint to write to there is nothing to ask the source for.
                if !subject.up.is_empty() {
                    self.ask(Ask::Source(unit), EndpointSet::PRIMARY, subject.class);
                }
                return None;
            }
            Some(SourceFact::Answered(SourceAnswer::Whole(image))) => return Some(image),
            // What was admitted before travels by its admission.
            Some(SourceFact::Answered(SourceAnswer::WithoutAll { image, left })) => {
                if subject.admission.is_some() {
                    return Some(image);
                }
                let left = Arc::clone(left);
                if subject.target.carry.incomplete == Incomplete::Leave {
                    self.block(Cause::LeftBehind { unit, left }, gate);
                    return Some(image);
                }
                Cause::SourceWithoutAll { unit, left }
            }
            Some(SourceFact::Answered(SourceAnswer::Absent)) => {
                self.ask_standing(subject);
                Cause::SourceAbsent { unit }
            }
            Some(SourceFact::Answered(SourceAnswer::Lacking(missing))) => Cause::SourceLacking {
                unit,
                missing: Arc::clone(missing),
            },
            Some(SourceFact::Answered(SourceAnswer::Refused(obstacle))) => Cause::SourceRefused {
                unit,
                obstacle: Arc::clone(obstacle),
            },
            Some(SourceFact::Failed) => Cause::SourceUnreadable {
                unit,
                obstacle: self.obstacle(Ask::Source(unit), EndpointIndex::PRIMARY),
            },
        };
        self.block(cause, gate);
        None
    }

    /// What stands whole at an endpoint of the claim, under a tag that it claims, is admitted from there where its source
    /// has gone and no policy asks anything of it: whoever takes over a filled registry finds most sources so.
    fn ask_standing(&mut self, subject: &Subject<'_>) {
        let claim = subject.claim;
        let is_free = claim.policy.iter().all(|policy| policy.mode == PolicyMode::Off);
        if subject.admission.is_some() || !is_free || !matches!(claim.source, Source::Registry(_)) {
            return;
        }
        let on_it = |tag: &TagId| self.facts.tag(*tag).values.at(claim.digest);
        let tagged = match &subject.unit.tags[..] {
            // Nothing is claimed but the digest.
            [] => subject.up,
            tags => tags.iter().fold(EndpointSet::EMPTY, |all, tag| all | on_it(tag)),
        };
        let standing = subject.facts.image.present & tagged & subject.up;
        let next = subject
            .spread(standing - self.facts.not_standing(subject.id))
            .find_map(|provider| match provider {
                Provider::Endpoint(endpoint) => Some(endpoint),
                Provider::Source => None,
            });
        if let Some(endpoint) = next {
            self.ask(Ask::Standing(subject.id), EndpointSet::only(endpoint), subject.class);
        }
    }

    /// Asks what stands beside the image, once it is known what to look for.
    fn ask_evidence(&mut self, subject: &Subject<'_>) {
        let carries = match subject.carried() {
            Some(carried) => !carried.is_empty(),
            // State may have been lost: where the source cannot admit the claim, a promotion record still can.
            None if !self.memory.new.contains(&subject.id) && self.facts.source(subject.id).is_some() => false,
            None => return,
        };
        let wanted = if carries {
            subject.up
        } else if subject.claim.signer.is_some() {
            subject.up & subject.evidence_wanted()
        } else {
            EndpointSet::EMPTY
        };
        let known = subject.evidence();
        let listed = if subject.admission.is_some() {
            wanted
        } else {
            self.facts.list(subject.unit.repository).answered()
        };
        let due = (wanted & listed) - known.asked();
        let unfinished = self.unfinished(subject.id);
        self.ask_to(Depth::Blobs, Ask::Evidence(subject.id), due & unfinished, subject.class);
        self.ask(Ask::Evidence(subject.id), due - unfinished, subject.class);
        self.block_failures(
            Ask::Evidence(subject.id),
            known.forbidden & wanted,
            known.unknown & wanted,
            subject.node(Slot::Image),
        );
    }
}
