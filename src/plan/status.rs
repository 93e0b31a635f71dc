//! What a plan comes to, without its steps and questions one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::blocked::{Blocked, Cause};
use super::draw::Summary;
use super::if_dropped::IfDropped;
use super::planner::{Planned, UnitPlan};
use super::step::{Step, Withheld};
use crate::facts::{Ask, Question};
use crate::model::{EndpointIndex, NodeId, UnitId};

/// All that is reported of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    pub summary: Summary,
    pub withheld: Vec<(Step, Withheld)>,
    /// How many questions are open, whatever the number of endpoints they are about.
    pub questions: usize,
    pub blocked: Vec<Blocked>,
}

impl Status {
    #[must_use]
    pub fn of(planned: &Planned) -> Self {
        Self {
            summary: Summary::of(planned),
            withheld: planned.withheld.clone(),
            questions: planned.questions.len(),
            blocked: planned.blocked.clone(),
        }
    }

    /// Nothing is left to do, to ask or in the way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.summary.due() == 0 && self.questions == 0 && self.blocked.is_empty()
    }
}

/// The status of many units' plans, kept as these come and go: each costs what it holds itself, however many there are.
#[derive(Debug, Default)]
pub struct Tally {
    /// But for the root causes, and the questions that many units ask.
    summary: Summary,
    questions: usize,
    withheld: BTreeSet<UnitId>,
    /// The units whose plans put something back if it was dropped. Several may put back the same.
    if_dropped: BTreeSet<UnitId>,
    shared: BTreeMap<Ask, Askers>,
    blocked: BTreeMap<Cause, Waiting>,
}

/// How many units ask a question, by endpoint.
#[derive(Debug, Default)]
struct Askers(Vec<u32>);

/// What waits for one cause.
#[derive(Debug, Default)]
struct Waiting {
    nodes: usize,
    units: BTreeSet<UnitId>,
}

impl Tally {
    pub fn add(&mut self, unit: UnitId, plan: &UnitPlan) {
        for step in &plan.steps {
            *self.summary.of_step(step) += Summary::places(step);
        }
        if !plan.if_dropped.is_empty() {
            self.if_dropped.insert(unit);
        }
        for (step, _) in &plan.withheld {
            self.summary.withheld += Summary::places(step);
            self.withheld.insert(unit);
        }
        for question in &plan.questions {
            match shared(question) {
                Some(ask) => self.shared.entry(ask).or_default().add(question),
                None => {
                    self.questions += 1;
                    self.summary.questions += question.at.len();
                }
            }
        }
        for (cause, _) in &plan.blocked {
            if let Some(waiting) = self.blocked.get_mut(cause) {
                waiting.nodes += 1;
                waiting.units.insert(unit);
            } else {
                let units = [unit].into();
                self.blocked.insert(cause.clone(), Waiting { nodes: 1, units });
            }
        }
    }

    /// Takes out what was added as this.
    pub fn remove(&mut self, unit: UnitId, plan: &UnitPlan) {
        for step in &plan.steps {
            *self.summary.of_step(step) -= Summary::places(step);
        }
        self.if_dropped.remove(&unit);
        for (step, _) in &plan.withheld {
            self.summary.withheld -= Summary::places(step);
            self.withheld.remove(&unit);
        }
        for question in &plan.questions {
            match shared(question) {
                Some(ask) => {
                    if let Some(askers) = self.shared.get_mut(&ask)
                        && askers.remove(question)
                    {
                        self.shared.remove(&ask);
                    }
                }
                None => {
                    self.questions -= 1;
                    self.summary.questions -= question.at.len();
                }
            }
        }
        for (cause, _) in &plan.blocked {
            if let Some(waiting) = self.blocked.get_mut(cause) {
                waiting.nodes -= 1;
                waiting.units.remove(&unit);
                if waiting.nodes == 0 {
                    self.blocked.remove(cause);
                }
            }
        }
    }

    /// The status of the plans that were added, which are these.
    #[must_use]
    pub fn status(&self, plans: &BTreeMap<UnitId, UnitPlan>) -> Status {
        let withheld = self.withheld.iter().filter_map(|unit| plans.get(unit));
        let mut if_dropped = IfDropped::default();
        for plan in self.if_dropped.iter().filter_map(|unit| plans.get(unit)) {
            plan.if_dropped.iter().cloned().for_each(|step| if_dropped.add(step));
        }
        let shared_places: usize = self.shared.values().map(Askers::places).sum();
        let first_of = |cause: &Cause, waiting: &Waiting| -> Option<NodeId> {
            let plan = plans.get(waiting.units.first()?)?;
            let nodes = plan.blocked.iter().filter(|(of, _)| of == cause);
            nodes.map(|(_, node)| *node).min()
        };
        Status {
            summary: Summary {
                if_dropped: if_dropped.into_steps().iter().map(Summary::places).sum(),
                blocked: self.blocked.len(),
                questions: self.summary.questions + shared_places,
                ..self.summary
            },
            withheld: withheld.flat_map(|plan| plan.withheld.iter().cloned()).collect(),
            questions: self.questions + self.shared.len(),
            blocked: self
                .blocked
                .iter()
                .filter_map(|(cause, waiting)| {
                    Some(Blocked {
                        cause: cause.clone(),
                        nodes: waiting.nodes,
                        example: first_of(cause, waiting)?,
                    })
                })
                .collect(),
        }
    }
}

impl Askers {
    fn add(&mut self, question: &Question) {
        for EndpointIndex(endpoint) in question.at.iter() {
            let endpoint = usize::from(endpoint);
            if self.0.len() <= endpoint {
                self.0.resize(endpoint + 1, 0);
            }
            self.0[endpoint] += 1;
        }
    }

    /// Whether nobody asks any more.
    fn remove(&mut self, question: &Question) -> bool {
        for EndpointIndex(endpoint) in question.at.iter() {
            if let Some(asking) = self.0.get_mut(usize::from(endpoint)) {
                *asking = asking.saturating_sub(1);
            }
        }
        self.places() == 0
    }

    fn places(&self) -> usize {
        self.0.iter().filter(|asking| **asking > 0).count()
    }
}

/// What is asked once, however many units ask it.
fn shared(question: &Question) -> Option<Ask> {
    matches!(question.ask, Ask::Endpoint(_) | Ask::Tags(_)).then_some(question.ask)
}
