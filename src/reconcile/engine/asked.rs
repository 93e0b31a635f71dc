//! What people ask the engine: how things stand, and to look now.

use std::collections::BTreeSet;

use super::turning::Engine;
use crate::facts::Ask;
use crate::model::{Activity, EndpointIndex, EndpointSet, UnitId};
use crate::plan::{Status, Sum, UnitPlan};

impl Engine {
    /// What goes on at this moment.
    #[must_use]
    pub fn activity(&self) -> Activity {
        Activity {
            looks: self.in_flight.looks(),
            runs: self.in_flight.runs(),
            waiting: self.lanes.waiting(),
        }
    }

    /// The plan of a unit that is not settled.
    #[must_use]
    pub fn unsettled(&self, unit: UnitId) -> Option<&UnitPlan> {
        self.plans.get(unit)
    }

    /// What these units' plans come to.
    #[must_use]
    pub fn status_of(&self, units: &BTreeSet<UnitId>) -> Status {
        let mut sum = Sum::default();
        for plan in units.iter().filter_map(|unit| self.plans.get(*unit)) {
            sum.add(plan.clone());
        }
        Status::of(&sum.finish())
    }

    /// Everything about these units counts as not asked, so that it is looked at now; what failed is tried again.
    pub fn look_now(&mut self, units: &BTreeSet<UnitId>) {
        for id in units {
            let Some(claim) = self.graph.unit(*id).claim() else {
                continue;
            };
            let endpoints = claim.endpoints;
            let target = self.graph.target_of(*id);
            let tags = self.graph.unit(*id).tags.clone();
            for endpoint in endpoints.iter() {
                if self.facts.endpoints(target).asked().contains(endpoint) {
                    self.doubt(Ask::Endpoint(target), endpoint);
                }
                self.doubt(Ask::Image(*id), endpoint);
                self.doubt(Ask::Evidence(*id), endpoint);
                for tag in &tags {
                    self.doubt(Ask::Tag(*tag), endpoint);
                }
            }
            self.doubt(Ask::Source(*id), EndpointIndex::PRIMARY);
        }
    }

    /// Whether nothing of these units is under way, and nothing is left that could begin: what keeps them from being as
    /// desired then is in the way, or only reported.
    #[must_use]
    pub fn is_at_rest(&self, units: &BTreeSet<UnitId>) -> bool {
        units.iter().all(|unit| {
            let plan = self.plans.get(*unit);
            let has_more = plan.is_some_and(|plan| {
                !plan.questions.is_empty() || (self.session.writes && !plan.steps.is_empty()) || self.gathers(*unit)
            });
            !has_more && !self.touched.contains(unit) && self.in_flight.busy(*unit) == EndpointSet::EMPTY
        })
    }

    fn gathers(&self, unit: UnitId) -> bool {
        self.gathering.contains_key(&unit)
    }

    /// Nothing is written any more, or again. What has begun comes to its end.
    pub fn allow_writes(&mut self, writes: bool) {
        self.session.writes = writes;
        self.touched.extend(self.plans.units());
    }
}
