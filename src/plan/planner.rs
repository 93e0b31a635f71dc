//! The planner: one walk over the units in scope.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::blocked::{Blocked, Cause};
use super::history;
use super::step::{Step, Withheld};
use crate::facts::{Ask, Class, Depth, Facts, Memory, Question};
use crate::graph::Graph;
use crate::model::{Admission, EndpointIndex, EndpointSet, NodeId, RepositoryId, TargetId, TargetMode, UnitId};

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
#[derive(Debug, Default)]
pub struct Planned {
    /// In dependency order within each unit.
    pub steps: Vec<Step>,
    /// Due, but the manifests say to look only.
    pub withheld: Vec<(Step, Withheld)>,
    pub questions: Vec<Question>,
    pub blocked: Vec<Blocked>,
    /// How many wanted images were looked at.
    pub units: usize,
}

/// Decides what is due. Unknown facts authorise no step: they become questions or blocked entries.
#[must_use]
pub fn plan(graph: &Graph, facts: &Facts, memory: &Memory, scope: &Scope, now: Timestamp) -> Planned {
    let mut planner = Planner {
        graph,
        facts,
        memory,
        scope,
        now,
        planned: Planned::default(),
        endpoint_questions: vec![None; graph.targets().len()],
        list_questions: vec![None; graph.repository_count()],
        blocked: BTreeMap::new(),
        displaced: Vec::new(),
    };
    match &scope.units {
        Units::All => graph.wanted().for_each(|unit| planner.look_at(unit)),
        Units::Only(units) => with_upstream(graph, units)
            .into_iter()
            .for_each(|unit| planner.look_at(unit)),
    }
    planner.emit_put_backs();
    planner.finish()
}

/// What a unit reads from is looked at with it, or it would wait for something nobody asks about.
fn with_upstream(graph: &Graph, units: &[UnitId]) -> BTreeSet<UnitId> {
    let mut all = BTreeSet::new();
    for unit in units {
        let mut next = Some(*unit);
        while let Some(unit) = next.filter(|unit| all.insert(*unit)) {
            next = graph.upstream(unit);
        }
    }
    all
}

pub(super) struct Planner<'a> {
    pub graph: &'a Graph,
    pub facts: &'a Facts,
    pub memory: &'a Memory,
    pub scope: &'a Scope,
    pub now: Timestamp,
    planned: Planned,
    endpoint_questions: Vec<Option<(EndpointSet, Class)>>,
    list_questions: Vec<Option<(EndpointSet, Class)>>,
    blocked: BTreeMap<Cause, (usize, NodeId)>,
    /// What tags that are moved may take away.
    pub displaced: Vec<(UnitId, EndpointSet)>,
}

fn merge(slot: &mut Option<(EndpointSet, Class)>, at: EndpointSet, class: Class) {
    *slot = Some(match *slot {
        Some((known, lower)) => (known | at, lower.min(class)),
        None => (at, class),
    });
}

impl Planner<'_> {
    fn look_at(&mut self, unit: UnitId) {
        if self.graph.unit(unit).claim().is_some() {
            self.planned.units += 1;
            self.unit(unit);
        }
    }

    pub fn ask(&mut self, ask: Ask, at: EndpointSet, class: Class) {
        self.ask_to(self.scope.depth, ask, at, class);
    }

    /// Asks at another depth than the scope's.
    pub fn ask_to(&mut self, depth: Depth, ask: Ask, at: EndpointSet, class: Class) {
        if at.is_empty() {
            return;
        }
        match ask {
            // Many units share these.
            Ask::Endpoint(target) => merge(&mut self.endpoint_questions[target.index()], at, class),
            Ask::Tags(repository) => merge(&mut self.list_questions[repository.index()], at, class),
            _ => self.planned.questions.push(Question { ask, at, class, depth }),
        }
    }

    pub fn block(&mut self, cause: Cause, node: NodeId) {
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

    /// Blocks a node wherever a place could not be looked at.
    pub fn block_failures(&mut self, ask: Ask, forbidden: EndpointSet, unknown: EndpointSet, node: NodeId) {
        for endpoint in (forbidden | unknown).iter() {
            let forbidden = forbidden.contains(endpoint);
            let error = self.error(ask, endpoint);
            let cause = match ask {
                Ask::Endpoint(target) => Cause::Endpoint {
                    target,
                    endpoint,
                    forbidden,
                    error,
                },
                _ => Cause::Place {
                    ask,
                    endpoint,
                    forbidden,
                    error,
                },
            };
            self.block(cause, node);
        }
    }

    pub fn error(&self, ask: Ask, endpoint: EndpointIndex) -> Arc<str> {
        self.facts.failure(ask, endpoint).cloned().unwrap_or_default()
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

    pub fn withhold(&mut self, step: Step, why: Withheld) {
        if !step.at.is_empty() {
            self.planned.withheld.push((step, why));
        }
    }

    /// Where an image is copied by this plan.
    pub fn copied(&self, node: NodeId) -> EndpointSet {
        let steps = self.planned.steps.iter().filter(|step| step.node == node);
        steps.fold(EndpointSet::EMPTY, |all, step| all | step.at)
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
                if let Some(error) = self.memory.tried.get(&(node, endpoint)).cloned() {
                    self.block(Cause::Failed { node, endpoint, error }, node);
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
                let error = Arc::clone(&attempt.error);
                self.block(
                    Cause::BackOff {
                        node,
                        endpoint,
                        until,
                        error,
                    },
                    node,
                );
                released.remove(endpoint);
            } else if let Some(repairs) = history::contested(attempt, self.now).filter(|_| repair) {
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

    fn finish(mut self) -> Planned {
        let shared = |question: (usize, &Option<(EndpointSet, Class)>), ask: fn(u32) -> Ask, depth| {
            question.1.map(|(at, class)| Question {
                ask: ask(question.0 as u32),
                at,
                class,
                depth,
            })
        };
        let depth = self.scope.depth;
        let mut questions: Vec<_> = self
            .endpoint_questions
            .iter()
            .enumerate()
            .filter_map(|question| shared(question, |id| Ask::Endpoint(TargetId(id)), depth))
            .collect();
        questions.extend(
            self.list_questions
                .iter()
                .enumerate()
                .filter_map(|question| shared(question, |id| Ask::Tags(RepositoryId(id)), depth)),
        );
        questions.append(&mut self.planned.questions);
        // Stable: within a class endpoints come before lists, lists before the rest.
        questions.sort_by_key(|question| question.class);
        self.planned.questions = questions;
        self.planned.blocked = self
            .blocked
            .into_iter()
            .map(|(cause, (nodes, example))| Blocked { cause, nodes, example })
            .collect();
        self.planned
    }
}
