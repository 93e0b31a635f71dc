//! The plans that are kept: of all units that are not settled, and what they come to.

use std::collections::BTreeMap;

use crate::model::{RepositoryId, UnitId};
use crate::plan::{Displaced, Planned, Status, Sum, Tally, UnitPlan};

#[derive(Debug, Default)]
pub(super) struct Plans {
    plans: BTreeMap<UnitId, UnitPlan>,
    tally: Tally,
    /// What units take tags away from. They may be settled themselves, and wait for what is asked about others.
    displaced: BTreeMap<RepositoryId, BTreeMap<UnitId, Vec<Displaced>>>,
}

impl Plans {
    pub fn get(&self, unit: UnitId) -> Option<&UnitPlan> {
        self.plans.get(&unit)
    }

    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    pub fn units(&self) -> impl Iterator<Item = UnitId> {
        self.plans.keys().copied()
    }

    /// Keeps a unit's plan in place of the one before.
    pub fn set(&mut self, unit: UnitId, repository: RepositoryId, mut plan: UnitPlan) {
        self.note_displaced(unit, repository, std::mem::take(&mut plan.displaces));
        if self.plans.get(&unit) == Some(&plan) {
            return;
        }
        if let Some(before) = self.plans.remove(&unit) {
            self.tally.remove(unit, &before);
        }
        if !plan.is_settled() {
            self.tally.add(unit, &plan);
            self.plans.insert(unit, plan);
        }
    }

    fn note_displaced(&mut self, unit: UnitId, repository: RepositoryId, displaced: Vec<Displaced>) {
        if !displaced.is_empty() {
            self.displaced.entry(repository).or_default().insert(unit, displaced);
        } else if let Some(units) = self.displaced.get_mut(&repository) {
            units.remove(&unit);
            if units.is_empty() {
                self.displaced.remove(&repository);
            }
        }
    }

    /// The units of a repository that take a tag away from something of which `concerns` is true.
    pub fn displacing(&self, repository: RepositoryId, concerns: impl Fn(&Displaced) -> bool) -> Vec<UnitId> {
        let units = self.displaced.get(&repository).into_iter().flatten();
        units
            .filter(|(_, displaced)| displaced.iter().any(&concerns))
            .map(|(unit, _)| *unit)
            .collect()
    }

    /// The plan of all: a copy of everything in it.
    pub fn sum(&self) -> Planned {
        let mut sum = Sum::default();
        for plan in self.plans.values() {
            sum.add(plan.clone());
        }
        sum.finish()
    }

    pub fn status(&self) -> Status {
        self.tally.status(&self.plans)
    }
}
