//! From what happened to facts, and to what has to be remembered.

use std::sync::Arc;

use jiff::Timestamp;

use super::event::Learnt;
use super::in_flight::LookId;
use super::lanes::Lane;
use super::turning::Engine;
use crate::execute::{Outcome, RunId, StepOutcome};
use crate::facts::{Answer, Ask, Evidence, Glimpse};
use crate::model::{
    Carried, CarriedKind, EndpointIndex, NodeId, Obstacle, ObstacleKind, SignatureForm, Slot, TagId, UnitId,
};
use crate::plan::{Action, Step};

/// A step that found something else than was planned is planned anew from what is there now, and so is one that was done
/// and is found undone. After so many times in one session it is left alone: somebody else is at work there, or the
/// registry does not keep what it acknowledges.
const TRIES: u32 = 3;

impl Engine {
    pub(super) fn answered(&mut self, id: LookId, answer: Answer, requests: u64, now: Timestamp) -> Option<Learnt> {
        self.requests += requests;
        let look = self.in_flight.end_look(id)?;
        self.lanes.end(&look.lane);
        self.touch_askers(look.ask);
        if look.is_spoilt {
            if matches!(look.ask, Ask::Endpoint(_) | Ask::Tags(_)) {
                self.touch_place(look.ask);
            }
            if let Answer::Failed(obstacle) = &answer {
                self.heed(obstacle, now);
            }
            return None;
        }
        let heard = match look.ask {
            Ask::Endpoint(target) => Some(Learnt::Heard {
                target,
                endpoint: look.endpoint,
                answer: answer.clone(),
            }),
            _ => None,
        };
        self.ask_again_unless_answered(look.ask, look.endpoint, &answer, now);
        // It held when it was asked for: whatever changed since is found by the next look.
        let at = look.sent.min(now);
        let obstacle = match &answer {
            Answer::Failed(obstacle) => Some(Arc::clone(obstacle)),
            _ => None,
        };
        let before = self.facts.glimpse(look.ask, look.endpoint);
        let listed = self.listed(look.ask, look.endpoint);
        // What an image lists may be known by this answer: until now it might have been anything.
        let displacing = match look.ask {
            Ask::Image(unit) | Ask::Source(unit) => self.displacing(unit),
            _ => Vec::new(),
        };
        self.facts
            .record(&self.graph, look.ask, look.depth, look.endpoint, answer, at);
        // A sweep mostly hears what is known: nobody else need be planned anew for that.
        if before.is_none() || before != self.facts.glimpse(look.ask, look.endpoint) {
            self.touch_place(look.ask);
            self.touched.extend(displacing);
        }
        for (tag, before) in listed {
            if before != self.facts.glimpse(Ask::Tag(tag), look.endpoint) {
                self.touch_place(Ask::Tag(tag));
            }
        }
        if let Some(obstacle) = obstacle {
            self.heed(&obstacle, now);
        }
        heard
    }

    /// What is known of the tags that a list says something of.
    fn listed(&self, ask: Ask, endpoint: EndpointIndex) -> Vec<(TagId, Option<Glimpse>)> {
        let Ask::Tags(repository) = ask else {
            return Vec::new();
        };
        let tags = self.graph.tags_of(repository).iter().copied();
        tags.map(|tag| (tag, self.facts.glimpse(Ask::Tag(tag), endpoint)))
            .collect()
    }

    pub(super) fn finished(&mut self, id: RunId, outcome: StepOutcome, now: Timestamp) -> Option<Learnt> {
        let run = self.in_flight.run(id)?;
        let (target, step) = (run.target, run.steps.get(outcome.step)?.clone());
        let endpoint = outcome.endpoint;
        if let Some(freed) = self.in_flight.end_step(id, outcome.step, endpoint) {
            self.lanes.end(&Lane::Write(target, freed));
        }
        self.free_tag(&step);
        let learnt = self.learn(&step, &outcome, now);
        self.ran.push((step, outcome));
        learnt
    }

    /// Takes in what became of a step at one endpoint.
    pub fn learn(&mut self, step: &Step, outcome: &StepOutcome, now: Timestamp) -> Option<Learnt> {
        let (unit, endpoint) = (step.node.unit, outcome.endpoint);
        let target = self.graph.target_of(unit);
        self.spoil_places(step, endpoint);
        self.touch_unit(unit);
        let place = (step.node, endpoint);
        let has_ended = !matches!(outcome.outcome, Outcome::Skipped | Outcome::Cancelled);
        let tries = self.tries.entry(place).or_default();
        *tries += u32::from(has_ended);
        let is_last_try = *tries >= TRIES;
        self.displace(step, outcome);
        if let Some(obstacle) = outcome.outcome.obstacle() {
            self.heed(obstacle, now);
        }
        match &outcome.outcome {
            Outcome::Done { attached } => {
                self.succeed(step, endpoint, *attached, now);
                if step.node.slot == Slot::Signature(SignatureForm::Tag)
                    && self.carries(
                        unit,
                        |item| matches!(&item.kind, CarriedKind::CosignTag { suffix, .. } if suffix == "sig"),
                    )
                {
                    // What had travelled stood under the tag that ours was merged into, and may have gone with it.
                    self.doubt(Ask::Evidence(unit), endpoint);
                }
                if !self.lasts_once() {
                    // Whether somebody undoes it again and again, its history tells.
                    self.tries.remove(&place);
                } else if is_last_try {
                    let why = format_args!("it was done {TRIES} times, and was found undone each time");
                    let undone = Obstacle::new(ObstacleKind::NotKept, why);
                    self.memory.tried.insert(place, Arc::new(undone));
                }
                Some(Learnt::Succeeded {
                    step: step.clone(),
                    endpoint,
                    attached: *attached,
                })
            }
            Outcome::Skipped => {
                // What it waited for failed, or the endpoint no longer answered: the latter is asked, once for all.
                if self.facts.endpoints(target).present.contains(endpoint) {
                    self.doubt(Ask::Endpoint(target), endpoint);
                }
                Some(Learnt::Touched(unit))
            }
            Outcome::Cancelled => Some(Learnt::Touched(unit)),
            Outcome::Stale { obstacle } => {
                self.doubt_step(step.node, endpoint);
                if is_last_try && !self.lasts_once() {
                    self.tries.remove(&place);
                    return Some(Learnt::Failed {
                        node: step.node,
                        endpoint,
                        obstacle: Arc::clone(obstacle),
                    });
                }
                if is_last_try {
                    self.memory.tried.insert(place, Arc::clone(obstacle));
                }
                Some(Learnt::Touched(unit))
            }
            Outcome::Failed { obstacle } | Outcome::Uncertain { obstacle } => {
                self.doubt_step(step.node, endpoint);
                if step.node.slot == Slot::Image {
                    // What it offered may be gone by now.
                    self.doubt(Ask::Source(unit), EndpointIndex::PRIMARY);
                }
                if self.lasts_once() {
                    self.memory.tried.insert(place, Arc::clone(obstacle));
                }
                Some(Learnt::Failed {
                    node: step.node,
                    endpoint,
                    obstacle: Arc::clone(obstacle),
                })
            }
        }
    }

    /// Whatever stood under a tag before it was moved, and every image that lists it, is looked at again: the registry may
    /// have dropped it.
    fn displace(&mut self, step: &Step, outcome: &StepOutcome) {
        let may_have_moved = matches!(
            outcome.outcome,
            Outcome::Done { .. } | Outcome::Failed { .. } | Outcome::Uncertain { .. }
        );
        if let Action::Tag {
            replaces: Some(old), ..
        } = step.action
            && may_have_moved
        {
            let (repository, endpoint) = (self.graph.unit(step.node.unit).repository, outcome.endpoint);
            for unit in self.facts.displaced(&self.graph, repository, old, endpoint) {
                self.in_flight.spoil(Ask::Image(unit), endpoint);
                self.in_flight.spoil(Ask::Evidence(unit), endpoint);
                self.touch_unit(unit);
            }
            // Somebody may have set the tag on something that travelled with an image, or on what we signed.
            let units: Vec<UnitId> = self.graph.units_of(repository).collect();
            for unit in units {
                let is_ours = self.facts.unit(unit).found.iter().any(|(found, _)| found.digest == old);
                if is_ours || self.carries(unit, |item| item.digest == old) {
                    self.doubt(Ask::Evidence(unit), endpoint);
                }
            }
        }
    }

    /// Whether something of this kind travelled with an admitted image.
    fn carries(&self, unit: UnitId, is: impl Fn(&Carried) -> bool) -> bool {
        let recorded = self.facts.unit(unit).admission.as_ref();
        let admission = self.memory.admissions.get(&unit).or(recorded);
        admission.is_some_and(|admission| admission.carried.iter().any(is))
    }

    pub(super) fn ended(&mut self, id: RunId) -> Option<Learnt> {
        let (run, busy) = self.in_flight.end_run(id)?;
        for endpoint in busy.iter() {
            self.lanes.end(&Lane::Write(run.target, endpoint));
        }
        self.touch_unit(run.unit);
        run.steps.iter().for_each(|step| self.free_tag(step));
        Some(Learnt::Touched(run.unit))
    }

    /// Whoever waits until this tag is no longer written may go on.
    fn free_tag(&mut self, step: &Step) {
        if let Action::Tag { tag, .. } = step.action
            && let Some(units) = self.awaits_tag.remove(&tag)
        {
            self.touched.extend(units);
        }
    }

    fn succeed(&mut self, step: &Step, endpoint: EndpointIndex, attached: Option<Evidence>, now: Timestamp) {
        let unit = step.node.unit;
        match &step.action {
            Action::Copy { carried, .. } => self.facts.copied(&self.graph, unit, endpoint, carried, now),
            // What was made is remembered, not known of any place.
            Action::Sign => {}
            Action::Attach { .. } => {
                if let Some(evidence) = attached {
                    self.facts.attached(unit, endpoint, evidence);
                }
            }
            Action::Tag { tag, digest, .. } => self.facts.tagged(*tag, endpoint, *digest, now),
            // A registry may have taken more along.
            Action::Remove { .. } => self.doubt_unit(unit, endpoint),
        }
        // What failed for want of it may go well now.
        if !self.memory.tried.is_empty() {
            for slot in self.graph.unit(unit).slots().filter(|slot| *slot > step.node.slot) {
                let place = (NodeId { unit, slot }, endpoint);
                if self.tries.get(&place).is_none_or(|tries| *tries < TRIES) {
                    self.memory.tried.remove(&place);
                }
            }
        }
    }

    /// The places that a step writes at an endpoint: what is on its way about them does not count.
    pub(super) fn spoil_places(&mut self, step: &Step, endpoint: EndpointIndex) {
        let unit = step.node.unit;
        let repository = self.graph.unit(unit).repository;
        let mut spoil = |ask| self.in_flight.spoil(ask, endpoint);
        match &step.action {
            Action::Sign => {}
            Action::Copy { .. } => {
                spoil(Ask::Image(unit));
                spoil(Ask::Evidence(unit));
                spoil(Ask::Tags(repository));
            }
            Action::Attach { .. } => spoil(Ask::Evidence(unit)),
            Action::Remove { .. } => {
                spoil(Ask::Image(unit));
                spoil(Ask::Evidence(unit));
            }
            Action::Tag { tag, .. } => {
                spoil(Ask::Tag(*tag));
                spoil(Ask::Tags(repository));
            }
        }
    }

    /// A place counts as not asked, and so does what is on its way about it.
    pub(super) fn doubt(&mut self, ask: Ask, endpoint: EndpointIndex) {
        let repository = match ask {
            Ask::Image(unit) | Ask::Evidence(unit) => Some(self.graph.unit(unit).repository),
            Ask::Tag(tag) => Some(self.graph.tag(tag).0),
            _ => None,
        };
        // The list of the repository is in doubt with each of its places.
        if let Some(repository) = repository {
            self.in_flight.spoil(Ask::Tags(repository), endpoint);
            if self.facts.list(repository).asked().contains(endpoint) {
                self.touch_list_readers(repository);
            }
        }
        self.facts.doubt(&self.graph, ask, endpoint);
        self.in_flight.spoil(ask, endpoint);
        self.touch_place(ask);
    }

    /// The places of a step that did not go well count as not asked.
    fn doubt_step(&mut self, node: NodeId, endpoint: EndpointIndex) {
        let NodeId { unit, slot } = node;
        match slot {
            Slot::Gate => self.doubt(Ask::Source(unit), EndpointIndex::PRIMARY),
            // Signed bytes are put beside an image; where that went wrong, the image is looked at as well.
            Slot::Image | Slot::Signature(_) | Slot::Attestation(_) => self.doubt_unit(unit, endpoint),
            Slot::Tag(tag) => {
                self.doubt(Ask::Tag(tag), endpoint);
                self.doubt(Ask::Image(unit), endpoint);
            }
        }
    }

    fn doubt_unit(&mut self, unit: UnitId, endpoint: EndpointIndex) {
        self.doubt(Ask::Image(unit), endpoint);
        self.doubt(Ask::Evidence(unit), endpoint);
    }
}
