//! The planner: one walk over the units in scope.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::blocked::{Blocked, Cause};
use super::history;
use super::if_dropped::IfDropped;
use super::signatures::{ROTATION_WINDOW, ROTATIONS_PER_MINUTE};
use super::step::{Step, Withheld};
use crate::facts::{Ask, Class, Depth, Facts, Memory, Question};
use crate::graph::Graph;
use crate::model::{
    Admission, Digest, EndpointIndex, EndpointSet, NodeId, Obstacle, ObstacleKind, RepositoryId, TargetId, TargetMode,
    UnitId,
};

/// What is looked at, and how.
#[derive(Debug, Clone)]
pub struct Scope {
    pub units: Units,
    pub depth: Depth,
    /// The class of questions about claims that were admitted before.
    pub class: Class,
    /// Whether failures and repairs of earlier passes hold steps back. Somebody who asks by hand wants it tried now.
    pub honour_history: bool,
    /// How long endpoints must have been silent before a signature that may stand there is made anew.
    pub sign_patience: SignedDuration,
    /// The operator said that signatures at silent endpoints need not be waited for.
    pub sign_despite_silence: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            units: Units::All,
            depth: Depth::Manifests,
            class: Class::Verifies,
            honour_history: false,
            sign_patience: SignedDuration::from_hours(1),
            sign_despite_silence: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Units {
    All,
    Only(Vec<UnitId>),
}

/// What the planner knows to be due, what it lacks, and what is in the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// In dependency order within each unit.
    pub steps: Vec<Step>,
    /// Done after these where a registry drops what a tag that moves leaves behind.
    pub if_dropped: Vec<Step>,
    /// Due, but the manifests say to look only.
    pub withheld: Vec<(Step, Withheld)>,
    pub questions: Vec<Question>,
    pub blocked: Vec<Blocked>,
    /// How many wanted images were looked at.
    pub units: usize,
}

/// The same for one unit. A plan is the sum of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitPlan {
    /// In dependency order.
    pub steps: Vec<Step>,
    /// Of any image of the repository.
    pub if_dropped: Vec<Step>,
    pub withheld: Vec<(Step, Withheld)>,
    /// Those about endpoints and lists, which other units ask too, among them.
    pub questions: Vec<Question>,
    /// Each cause once for every node and endpoint that waits for it.
    pub blocked: Vec<(Cause, NodeId)>,
    /// What stands under tags that it moves, or waits to move: images of the repository that are one of these or list it,
    /// or may, count too.
    pub displaces: Vec<Displaced>,
    /// When time alone changes this plan, at the earliest: a back-off ends, patience is over, a fight is forgotten.
    pub due: Option<Timestamp>,
}

/// What stands under a tag that is to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Displaced {
    pub manifest: Digest,
    /// Somebody else set the tag: it may be what stands beside an image, of any.
    pub is_foreign: bool,
}

impl UnitPlan {
    /// Whether nothing is left to do, to ask, or to report.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.withheld.is_empty() && self.questions.is_empty() && self.blocked.is_empty()
    }
}

/// Decides what is due. Unknown facts authorise no step: they become questions or blocked entries.
#[must_use]
pub fn plan(graph: &Graph, facts: &Facts, memory: &Memory, scope: &Scope, now: Timestamp) -> Planned {
    let mut sum = Sum::default();
    let mut add = |unit| {
        if graph.unit(unit).claim().is_some() {
            sum.add(plan_unit(graph, facts, memory, scope, now, unit));
        }
    };
    match &scope.units {
        Units::All => graph.wanted().for_each(&mut add),
        Units::Only(units) => with_upstream(graph, units).into_iter().for_each(&mut add),
    }
    sum.finish()
}

/// Decides what is due for one unit, whatever the scope's units are. Nothing is, where no claim wants it.
#[must_use]
pub fn plan_unit(
    graph: &Graph,
    facts: &Facts,
    memory: &Memory,
    scope: &Scope,
    now: Timestamp,
    unit: UnitId,
) -> UnitPlan {
    let mut planner = Planner {
        graph,
        facts,
        memory,
        scope,
        now,
        planned: UnitPlan::default(),
        rotations: rotations_left(memory, now),
    };
    planner.unit(unit);
    planner.planned
}

/// What a unit reads from is looked at with it, or it would wait for something nobody asks about.
#[must_use]
pub fn with_upstream(graph: &Graph, units: &[UnitId]) -> BTreeSet<UnitId> {
    let mut all = BTreeSet::new();
    for unit in units {
        let mut next = Some(*unit);
        while let Some(unit) = next.filter(|unit| all.insert(*unit)) {
            next = graph.upstream(unit);
        }
    }
    all
}

/// Adds up the plans of units.
#[derive(Debug, Default)]
pub struct Sum {
    planned: Planned,
    /// Many units ask these.
    endpoints: BTreeMap<TargetId, Question>,
    lists: BTreeMap<RepositoryId, Question>,
    /// Several tags may leave parts of one image.
    if_dropped: IfDropped,
    blocked: BTreeMap<Cause, (usize, NodeId)>,
}

impl Sum {
    pub fn add(&mut self, unit: UnitPlan) {
        self.planned.units += 1;
        self.planned.steps.extend(unit.steps);
        self.planned.withheld.extend(unit.withheld);
        for step in unit.if_dropped {
            self.if_dropped.add(step);
        }
        for question in unit.questions {
            match question.ask {
                Ask::Endpoint(target) => merge(self.endpoints.entry(target), question),
                Ask::Tags(repository) => merge(self.lists.entry(repository), question),
                _ => self.planned.questions.push(question),
            }
        }
        for (cause, node) in unit.blocked {
            match self.blocked.entry(cause) {
                Entry::Vacant(entry) => {
                    entry.insert((1, node));
                }
                Entry::Occupied(mut entry) => {
                    let (nodes, example) = entry.get_mut();
                    *nodes += 1;
                    *example = (*example).min(node);
                }
            }
        }
    }

    #[must_use]
    pub fn finish(mut self) -> Planned {
        let shared = self.endpoints.into_values().chain(self.lists.into_values());
        let mut questions: Vec<_> = shared.chain(self.planned.questions).collect();
        // Stable: within a class endpoints come before lists, lists before the rest.
        questions.sort_by_key(|question| question.class);
        self.planned.questions = questions;
        self.planned.if_dropped = self.if_dropped.into_steps();
        self.planned.blocked = self
            .blocked
            .into_iter()
            .map(|(cause, (nodes, example))| Blocked { cause, nodes, example })
            .collect();
        self.planned
    }
}

fn merge<K: Ord>(known: Entry<'_, K, Question>, question: Question) {
    known
        .and_modify(|known| {
            known.at |= question.at;
            // The most urgent of those who ask decides: a new image does not wait in the line of sweeps.
            known.class = known.class.min(question.class);
        })
        .or_insert(question);
}

pub(super) struct Planner<'a> {
    pub graph: &'a Graph,
    pub facts: &'a Facts,
    pub memory: &'a Memory,
    pub scope: &'a Scope,
    pub now: Timestamp,
    planned: UnitPlan,
    /// How many artifacts of admitted claims may still be signed anew within this minute.
    pub(super) rotations: usize,
}

/// How many artifacts of admitted claims may still be signed anew within this minute. Each unit is planned as if it were
/// the next: whoever begins steps counts those that are under way against it.
#[must_use]
pub fn rotations_left(memory: &Memory, now: Timestamp) -> usize {
    let recent = |at: &&Timestamp| now.duration_since(**at) < ROTATION_WINDOW;
    ROTATIONS_PER_MINUTE.saturating_sub(memory.rotated.iter().filter(recent).count())
}

impl Planner<'_> {
    pub fn ask(&mut self, ask: Ask, at: EndpointSet, class: Class) {
        self.ask_to(self.scope.depth, ask, at, class);
    }

    /// Asks at another depth than the scope's.
    pub fn ask_to(&mut self, depth: Depth, ask: Ask, at: EndpointSet, class: Class) {
        if at.is_empty() {
            return;
        }
        self.planned.questions.push(Question { ask, at, class, depth });
    }

    pub fn block(&mut self, cause: Cause, node: NodeId) {
        self.planned.blocked.push((cause, node));
    }

    /// Facts of other images of the repository decide too, for they may need this.
    pub fn displaces(&mut self, displaced: Displaced) {
        if !self.planned.displaces.contains(&displaced) {
            self.planned.displaces.push(displaced);
        }
    }

    /// From this moment on the plan may be another, though nothing else happens.
    pub fn wake_at(&mut self, at: Timestamp) {
        let due = self.planned.due.map_or(at, |due| due.min(at));
        self.planned.due = Some(due);
    }

    /// Blocks a node wherever a place could not be looked at.
    pub fn block_failures(&mut self, ask: Ask, forbidden: EndpointSet, unknown: EndpointSet, node: NodeId) {
        for endpoint in (forbidden | unknown).iter() {
            let obstacle = self.obstacle(ask, endpoint);
            let cause = match ask {
                Ask::Endpoint(target) => Cause::Endpoint {
                    target,
                    endpoint,
                    obstacle,
                },
                _ => Cause::Place {
                    ask,
                    endpoint,
                    obstacle,
                },
            };
            self.block(cause, node);
        }
    }

    pub fn obstacle(&self, ask: Ask, endpoint: EndpointIndex) -> Arc<Obstacle> {
        let known = self.facts.failure(ask, endpoint).cloned();
        known.unwrap_or_else(|| Arc::new(Obstacle::new(ObstacleKind::Unclassified, "")))
    }

    /// Adds a step, less the endpoints where its history holds it back. Returns where it will be done.
    pub fn emit(&mut self, target: TargetId, mut step: Step) -> EndpointSet {
        step.at = self.release(step.node, step.at, step.because.is_repair());
        if step.at.is_empty() {
            return step.at;
        }
        let at = step.at;
        if self.graph.target(target).mode == TargetMode::Observe {
            self.planned.withheld.push((step, Withheld::ObserveOnly));
        } else {
            self.planned.steps.push(step);
        }
        at
    }

    /// A step that touches no endpoint.
    pub fn emit_sign(&mut self, target: TargetId, step: Step) -> bool {
        if self.release(step.node, EndpointSet::PRIMARY, false).is_empty() {
            return false;
        }
        if self.graph.target(target).mode == TargetMode::Observe {
            self.planned.withheld.push((step, Withheld::ObserveOnly));
        } else {
            self.planned.steps.push(step);
        }
        true
    }

    /// What is done only where a registry drops what a tag leaves.
    pub fn plan_if_dropped(&mut self, step: Step) {
        if !step.at.is_empty() {
            self.planned.if_dropped.push(step);
        }
    }

    pub fn withhold(&mut self, step: Step, why: Withheld) {
        if !step.at.is_empty() {
            self.planned.withheld.push((step, why));
        }
    }

    pub fn is_in_scope(&self, unit: UnitId) -> bool {
        match &self.scope.units {
            Units::All => true,
            Units::Only(units) => units.contains(&unit),
        }
    }

    /// How a claim was admitted: state knows, or a promotion record says so.
    pub fn admission(&self, unit: UnitId) -> Option<&Arc<Admission>> {
        let remembered = self.memory.admissions.get(&unit);
        remembered.or(self.facts.unit(unit).admission.as_ref())
    }

    fn release(&mut self, node: NodeId, at: EndpointSet, repair: bool) -> EndpointSet {
        let mut released = at;
        if !self.memory.tried.is_empty() {
            for endpoint in at.iter() {
                if let Some(obstacle) = self.memory.tried.get(&(node, endpoint)).cloned() {
                    let cause = Cause::Failed {
                        node,
                        endpoint,
                        obstacle,
                    };
                    self.block(cause, node);
                    released.remove(endpoint);
                }
            }
        }
        if !self.scope.honour_history || self.memory.attempts.is_empty() {
            return released;
        }
        for endpoint in released.iter() {
            let Some(attempt) = self.memory.attempts.get(&(node, endpoint)) else {
                continue;
            };
            if let Some(until) = history::next_attempt(attempt).filter(|until| self.now < *until) {
                let obstacle = attempt.obstacle.clone();
                let obstacle = obstacle.unwrap_or_else(|| Arc::new(Obstacle::new(ObstacleKind::Unclassified, "")));
                self.wake_at(until);
                self.block(
                    Cause::BackOff {
                        node,
                        endpoint,
                        until,
                        obstacle,
                    },
                    node,
                );
                released.remove(endpoint);
            } else if let Some((repairs, until)) = history::contested(attempt, self.now).filter(|_| repair) {
                self.wake_at(until);
                self.block(
                    Cause::Contested {
                        node,
                        endpoint,
                        repairs,
                    },
                    node,
                );
                released.remove(endpoint);
            }
        }
        released
    }
}
