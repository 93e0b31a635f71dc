//! Who may begin: lines up what is due, and begins what there is room for.

use jiff::{SignedDuration, Timestamp};

use super::event::Begin;
use super::in_flight::LookUnderWay;
use super::lanes::{Group, Item, Lane};
use super::startable::{Room, startable};
use super::turning::{Engine, GATHERING};
use crate::facts::{Ask, Class, Depth, Question};
use crate::model::{EndpointIndex, EndpointSet, Source, TagId, TargetId, UnitId};
use crate::plan::{Action, Reason, Step, UnitPlan, rotations_left};

impl Engine {
    /// Puts what a plan asks and does into the lines of the lanes it goes through.
    pub(super) fn line_up(&mut self, unit: UnitId, plan: &UnitPlan) {
        let (target, group, item) = (self.graph.target_of(unit), self.group(unit), Item::Unit(unit));
        for question in &plan.questions {
            for endpoint in question.at.iter() {
                if !self.in_flight.is_asked(question.ask, endpoint) {
                    let lane = self.look_lane(question.ask, endpoint);
                    self.lanes.wait(&lane, question.class, group.clone(), item);
                }
            }
        }
        if !self.session.writes {
            return;
        }
        let due = plan.steps.iter().fold(EndpointSet::EMPTY, |all, step| all | step.at);
        let class = self.write_class(unit);
        for endpoint in due.iter() {
            self.lanes
                .wait(&Lane::Write(target, endpoint), class, group.clone(), item);
        }
    }

    /// Begins what may, lane by lane in turns, until all are full or empty.
    pub(super) fn fill(&mut self, now: Timestamp, begins: &mut Vec<Begin>) {
        loop {
            let mut has_begun = false;
            for lane in self.lanes.open() {
                while let Some((class, item)) = self.lanes.next(&lane) {
                    if self.begin_in(&lane, class, item, now, begins) {
                        // One in each lane, then round again: a begin may fill another lane, and no lane is to take all
                        // room at once.
                        has_begun = true;
                        break;
                    }
                }
            }
            if !has_begun {
                return;
            }
        }
    }

    fn begin_in(&mut self, lane: &Lane, class: Class, item: Item, now: Timestamp, begins: &mut Vec<Begin>) -> bool {
        match (lane, item) {
            (Lane::Write(target, endpoint), Item::Unit(unit)) => self.begin_run(*target, *endpoint, unit, now, begins),
            (_, Item::Unit(unit)) => self.begin_look(lane, class, unit, now, begins),
            (_, Item::Sweep(ask)) => self.begin_sweep(lane, ask, now, begins),
        }
    }

    /// Asks the first of a unit's questions that goes through this lane.
    fn begin_look(&mut self, lane: &Lane, class: Class, unit: UnitId, now: Timestamp, begins: &mut Vec<Begin>) -> bool {
        // What a look takes is known once it is back: until then it counts as the one request that it takes at least.
        if self.requests + self.in_flight.looks() as u64 >= self.session.requests {
            self.is_out_of_requests = true;
            return false;
        }
        let Some(plan) = self.plans.get(unit) else {
            return false;
        };
        let busy = self.in_flight.busy(unit);
        let this = &*self;
        let mut open = plan.questions.iter().flat_map(|question| {
            let Question { ask, at, depth, .. } = *question;
            at.iter()
                .filter(move |endpoint| this.look_lane(ask, *endpoint) == *lane)
                // What is being written is looked at afterwards, if it still needs to be.
                .filter(move |endpoint| !(is_of_unit(ask) && busy.contains(*endpoint)))
                .filter(move |endpoint| !this.in_flight.is_asked(ask, *endpoint))
                .map(move |endpoint| (ask, endpoint, depth))
        });
        let first = open.next();
        let has_more = open.next().is_some();
        drop(open);
        let Some((ask, endpoint, depth)) = first else {
            return false;
        };
        // One question at a time: the rest gets in line again, behind those who wait already.
        if has_more {
            let group = self.group(unit);
            self.lanes.wait(lane, class, group, Item::Unit(unit));
        }
        if let Some(pause) = self.paused(ask, endpoint, now).cloned() {
            self.answer_for(ask, endpoint, &pause, now);
            return false;
        }
        self.send_look(lane, ask, depth, endpoint, now, begins);
        true
    }

    fn begin_sweep(&mut self, lane: &Lane, ask: Ask, now: Timestamp, begins: &mut Vec<Begin>) -> bool {
        let (Lane::Look(_, endpoint) | Lane::Write(_, endpoint)) = *lane else {
            return false;
        };
        let is_busy = match ask {
            Ask::Image(unit) | Ask::Evidence(unit) => self.in_flight.busy(unit).contains(endpoint),
            _ => false,
        };
        if is_busy || self.in_flight.is_asked(ask, endpoint) {
            return false;
        }
        if let Some(until) = self.paused(ask, endpoint, now).map(|pause| pause.until) {
            if let Ask::Endpoint(_) = ask {
                // Nobody else asks whether it answers.
                self.retries.not_before(ask, endpoint, until);
            }
            return false;
        }
        let depth = self.session.scope.depth;
        self.send_look(lane, ask, depth, endpoint, now, begins);
        true
    }

    fn send_look(
        &mut self,
        lane: &Lane,
        ask: Ask,
        depth: Depth,
        endpoint: EndpointIndex,
        now: Timestamp,
        begins: &mut Vec<Begin>,
    ) {
        self.lanes.begin(lane);
        let id = self.in_flight.begin_look(LookUnderWay {
            ask,
            depth,
            endpoint,
            lane: lane.clone(),
            sent: now,
            is_spoilt: false,
        });
        begins.push(Begin::Look {
            id,
            ask,
            depth,
            endpoint,
        });
    }

    /// Begins all steps of a unit that may, at all endpoints that have room.
    fn begin_run(
        &mut self,
        target: TargetId,
        endpoint: EndpointIndex,
        unit: UnitId,
        now: Timestamp,
        begins: &mut Vec<Begin>,
    ) -> bool {
        let busy = self.in_flight.busy(unit);
        if busy.contains(endpoint) || !self.has_gathered(unit, now) {
            return false;
        }
        let Some(plan) = self.plans.get(unit) else {
            return false;
        };
        let due = plan.steps.iter().fold(EndpointSet::EMPTY, |all, step| all | step.at);
        let (unread, until) = self.unread(unit, &plan.steps, now);
        let at: EndpointSet = (due - busy - unread)
            .iter()
            .filter(|endpoint| self.lanes.has_room(&Lane::Write(target, *endpoint)))
            .collect();
        let mut signing = self.in_flight.signing(unit);
        let left = rotations_left(&self.memory, now).saturating_sub(self.in_flight.rotations());
        let rotates = |step: &&Step| matches!(step.action, Action::Sign) && step.because == Reason::Rotated;
        let beyond: Vec<_> = plan.steps.iter().filter(rotates).skip(left).collect();
        let waits_to_rotate = !beyond.is_empty();
        signing.extend(beyond.iter().map(|step| step.node.slot));
        let room = Room {
            at,
            signing: &signing,
            tag_is_free: &|tag, at| self.in_flight.tag_is_free(tag, at),
        };
        let mut steps = startable(&plan.steps, &room);
        steps.iter_mut().for_each(|step| self.read_elsewhere(step, now));
        for tag in self.tags_awaited(&plan.steps) {
            self.awaits_tag.entry(tag).or_default().insert(unit);
        }
        if waits_to_rotate {
            self.wake_at(unit, now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now));
        }
        if let Some(until) = until {
            self.wake_at(unit, until);
        }
        if steps.is_empty() {
            return false;
        }
        self.gathering.remove(&unit);
        // And once more when each step ends: what is asked while the write is under way may be answered from before it.
        for step in &steps {
            for endpoint in step.at.iter() {
                self.spoil_places(step, endpoint);
            }
        }
        let id = self.in_flight.begin_run(unit, target, steps.clone());
        let begun = self.in_flight.run(id).map(|run| run.busy()).unwrap_or_default();
        for endpoint in begun.iter() {
            self.lanes.begin(&Lane::Write(target, endpoint));
        }
        begins.push(Begin::Run { id, unit, steps });
        true
    }

    /// Tags of these steps that another unit's run writes.
    fn tags_awaited(&self, steps: &[Step]) -> Vec<TagId> {
        let awaited = |step: &Step| match step.action {
            Action::Tag { tag, .. } if self.in_flight.tag_is_free(tag, step.at) != step.at => Some(tag),
            _ => None,
        };
        steps.iter().filter_map(awaited).collect()
    }

    /// Whether a unit's copies need wait no longer for endpoints that have yet to say what they lack: what they all lack
    /// is read once.
    fn has_gathered(&mut self, unit: UnitId, now: Timestamp) -> bool {
        let Some(plan) = self.plans.get(unit) else {
            return true;
        };
        let copies = plan.steps.iter().any(|step| matches!(step.action, Action::Copy { .. }));
        let open = plan
            .questions
            .iter()
            .any(|question| matches!(question.ask, Ask::Image(_) | Ask::Tags(_) | Ask::Endpoint(_)));
        if !copies || !open {
            return true;
        }
        let until = *self
            .gathering
            .entry(unit)
            .or_insert_with(|| now.saturating_add(GATHERING).unwrap_or(Timestamp::MAX));
        if until > now {
            self.wake_at(unit, until);
        }
        until <= now
    }

    fn write_class(&self, unit: UnitId) -> Class {
        let is_admitted = self.memory.admissions.contains_key(&unit) || self.facts.unit(unit).admission.is_some();
        if is_admitted { Class::Verifies } else { Class::Unblocks }
    }

    pub(super) fn group(&self, unit: UnitId) -> Group {
        (self.graph.target_of(unit), self.graph.unit(unit).project().cloned())
    }

    /// Which line a question waits in.
    pub(super) fn look_lane(&self, ask: Ask, endpoint: EndpointIndex) -> Lane {
        let graph = &self.graph;
        let target = match ask {
            Ask::Endpoint(target) => target,
            Ask::Tags(repository) => graph.repository(repository).0,
            Ask::Tag(tag) => graph.repository(graph.tag(tag).0).0,
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) => graph.target_of(unit),
            Ask::Source(unit) => match graph.unit(unit).claim().map(|claim| &claim.source) {
                Some(Source::Registry(repository)) => return Lane::Source(repository.registry.clone()),
                Some(Source::Target { target, .. }) => {
                    return Lane::Look(TargetId(*target as u32), EndpointIndex::PRIMARY);
                }
                None => graph.target_of(unit),
            },
        };
        Lane::Look(target, endpoint)
    }
}

/// Whether a place belongs to one unit alone.
fn is_of_unit(ask: Ask) -> bool {
    matches!(ask, Ask::Image(_) | Ask::Evidence(_) | Ask::Tag(_))
}
