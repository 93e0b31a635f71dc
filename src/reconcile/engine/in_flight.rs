//! What is under way: looks, and runs of steps. No place is written by two at once, and no answer counts that was asked
//! for before its place was written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lanes::Lane;
use crate::execute::RunId;
use crate::facts::{Ask, Depth};
use crate::model::{EndpointIndex, EndpointSet, Slot, TagId, TargetId, UnitId};
use crate::plan::{Action, Reason, Step};

/// Names a look for as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookId(pub u64);

/// One question at one endpoint, on its way.
#[derive(Debug, Clone)]
pub(super) struct LookUnderWay {
    pub ask: Ask,
    pub depth: Depth,
    pub endpoint: EndpointIndex,
    pub lane: Lane,
    /// When the question was sent: what it is answered held then, not later.
    pub sent: Timestamp,
    /// Its place was written, or doubted, since: the answer does not count.
    pub is_spoilt: bool,
}

/// Steps of one unit, being done.
#[derive(Debug, Clone)]
pub(super) struct RunUnderWay {
    pub unit: UnitId,
    pub target: TargetId,
    pub steps: Vec<Step>,
    /// Where each step has yet to end, in the order of the steps.
    unfinished: Vec<EndpointSet>,
    /// A commit withdrew what it does.
    is_cancelled: bool,
}

impl RunUnderWay {
    /// Where something of it has yet to end.
    pub fn busy(&self) -> EndpointSet {
        self.steps
            .iter()
            .zip(&self.unfinished)
            .filter(|(step, _)| !matches!(step.action, Action::Sign))
            .fold(EndpointSet::EMPTY, |all, (_, at)| all | *at)
    }

    fn signing(&self) -> impl Iterator<Item = Slot> {
        self.steps
            .iter()
            .zip(&self.unfinished)
            .filter(|(step, at)| matches!(step.action, Action::Sign) && !at.is_empty())
            .map(|(step, _)| step.node.slot)
    }
}

/// Everything that is under way.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    looks: BTreeMap<LookId, LookUnderWay>,
    asked: BTreeMap<(Ask, EndpointIndex), LookId>,
    runs: BTreeMap<RunId, RunUnderWay>,
    of_unit: BTreeMap<UnitId, BTreeSet<RunId>>,
    /// Which run writes a tag at an endpoint.
    tags: BTreeMap<(TagId, EndpointIndex), RunId>,
    next: u64,
}

impl InFlight {
    pub fn is_empty(&self) -> bool {
        self.looks.is_empty() && self.runs.is_empty()
    }

    pub fn looks(&self) -> usize {
        self.looks.len()
    }

    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    pub fn is_asked(&self, ask: Ask, endpoint: EndpointIndex) -> bool {
        self.asked.contains_key(&(ask, endpoint))
    }

    pub fn begin_look(&mut self, look: LookUnderWay) -> LookId {
        let id = LookId(self.next);
        self.next += 1;
        self.asked.insert((look.ask, look.endpoint), id);
        self.looks.insert(id, look);
        id
    }

    pub fn end_look(&mut self, id: LookId) -> Option<LookUnderWay> {
        let look = self.looks.remove(&id)?;
        self.asked.remove(&(look.ask, look.endpoint));
        Some(look)
    }

    /// All looks are given up.
    pub fn end_looks(&mut self) -> Vec<LookUnderWay> {
        self.asked.clear();
        std::mem::take(&mut self.looks).into_values().collect()
    }

    /// What is on its way about this place does not count when it comes.
    pub fn spoil(&mut self, ask: Ask, endpoint: EndpointIndex) {
        if let Some(look) = self.asked.get(&(ask, endpoint)).and_then(|id| self.looks.get_mut(id)) {
            look.is_spoilt = true;
        }
    }

    pub fn begin_run(&mut self, unit: UnitId, target: TargetId, steps: Vec<Step>) -> RunId {
        let id = RunId(self.next);
        self.next += 1;
        let unfinished: Vec<EndpointSet> = steps
            .iter()
            .map(|step| match step.action {
                Action::Sign => EndpointSet::PRIMARY,
                _ => step.at,
            })
            .collect();
        for step in &steps {
            if let Action::Tag { tag, .. } = step.action {
                for endpoint in step.at.iter() {
                    self.tags.insert((tag, endpoint), id);
                }
            }
        }
        self.of_unit.entry(unit).or_default().insert(id);
        let run = RunUnderWay {
            unit,
            target,
            steps,
            unfinished,
            is_cancelled: false,
        };
        self.runs.insert(id, run);
        id
    }

    pub fn run(&self, id: RunId) -> Option<&RunUnderWay> {
        self.runs.get(&id)
    }

    /// A step ended at an endpoint. Gives the endpoint where nothing of the run is left to do since.
    pub fn end_step(&mut self, id: RunId, step: usize, endpoint: EndpointIndex) -> Option<EndpointIndex> {
        let run = self.runs.get_mut(&id)?;
        let before = run.busy();
        run.unfinished.get_mut(step)?.remove(endpoint);
        if let Action::Tag { tag, .. } = run.steps[step].action {
            self.tags.remove(&(tag, endpoint));
        }
        let left = before - run.busy();
        left.iter().next()
    }

    /// The run is over: gives it, with the endpoints at which something was still open.
    pub fn end_run(&mut self, id: RunId) -> Option<(RunUnderWay, EndpointSet)> {
        let run = self.runs.remove(&id)?;
        self.tags.retain(|_, writer| *writer != id);
        if let Some(runs) = self.of_unit.get_mut(&run.unit) {
            runs.remove(&id);
            if runs.is_empty() {
                self.of_unit.remove(&run.unit);
            }
        }
        let busy = run.busy();
        Some((run, busy))
    }

    fn runs_of(&self, unit: UnitId) -> impl Iterator<Item = (RunId, &RunUnderWay)> {
        let runs = self.of_unit.get(&unit);
        runs.into_iter()
            .flatten()
            .filter_map(|id| Some((*id, self.runs.get(id)?)))
    }

    /// Endpoints at which something of a unit is being done.
    pub fn busy(&self, unit: UnitId) -> EndpointSet {
        self.runs_of(unit)
            .fold(EndpointSet::EMPTY, |all, (_, run)| all | run.busy())
    }

    /// What is being signed for a unit.
    pub fn signing(&self, unit: UnitId) -> Vec<Slot> {
        self.runs_of(unit).flat_map(|(_, run)| run.signing()).collect()
    }

    /// How many artifacts are being signed anew because their signer has another key.
    pub fn rotations(&self) -> usize {
        let signs = |run: &RunUnderWay| {
            let rotates = |(step, at): &(&Step, &EndpointSet)| {
                matches!(step.action, Action::Sign) && step.because == Reason::Rotated && !at.is_empty()
            };
            run.steps.iter().zip(&run.unfinished).filter(rotates).count()
        };
        self.runs.values().map(signs).sum()
    }

    /// Where no run writes a tag.
    pub fn tag_is_free(&self, tag: TagId, at: EndpointSet) -> EndpointSet {
        at.iter()
            .filter(|endpoint| !self.tags.contains_key(&(tag, *endpoint)))
            .collect()
    }

    /// The runs of a unit that do something which `still_wanted` does not hold of, told once each.
    pub fn withdraw(&mut self, unit: UnitId, still_wanted: impl Fn(&Step) -> bool) -> Vec<RunId> {
        let withdrawn: Vec<RunId> = self
            .runs_of(unit)
            .filter(|(_, run)| !run.is_cancelled)
            .filter(|(_, run)| {
                run.steps
                    .iter()
                    .zip(&run.unfinished)
                    .any(|(step, at)| !at.is_empty() && !still_wanted(step))
            })
            .map(|(id, _)| id)
            .collect();
        for id in &withdrawn {
            if let Some(run) = self.runs.get_mut(id) {
                run.is_cancelled = true;
            }
        }
        withdrawn
    }
}
