//! What each kind of event touches: whose plan may be another since.

use super::turning::Engine;
use crate::facts::Ask;
use crate::model::{EndpointIndex, RepositoryId, TargetId, UnitId};

impl Engine {
    /// Something else is known of a place, or it counts as not asked: whoever reads of it is planned anew.
    pub(super) fn touch_place(&mut self, ask: Ask) {
        match ask {
            Ask::Endpoint(target) => self.touch_target(target),
            Ask::Tags(repository) => self.touch_list_readers(repository),
            Ask::Tag(tag) => {
                for unit in self.graph.units_under(tag) {
                    self.touched.insert(*unit);
                    let displacing = self.displacing(*unit);
                    self.touched.extend(displacing);
                }
            }
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => self.touch_unit(unit),
        }
    }

    /// A look at a place is over. Whatever it brought, a unit that waited to ask about its own places may do so now.
    pub(super) fn touch_askers(&mut self, ask: Ask) {
        match ask {
            Ask::Endpoint(_) | Ask::Tags(_) => {}
            Ask::Tag(tag) => self.touched.extend(self.graph.units_under(tag)),
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => {
                self.touched.insert(unit);
            }
        }
    }

    /// A unit, all that read from it, and those that may take something of it away. Where the former found nothing to
    /// read, there may be something now.
    pub(super) fn touch_unit(&mut self, unit: UnitId) {
        self.touched.insert(unit);
        let displacing = self.displacing(unit);
        self.touched.extend(displacing);
        for downstream in self.graph.downstream(unit) {
            self.facts
                .forget_failure(Ask::Source(downstream), EndpointIndex::PRIMARY);
            self.touched.insert(downstream);
            // What its source can give decides whether others may take a tag away from it.
            let displacing = self.displacing(downstream);
            self.touched.extend(displacing);
        }
    }

    /// Those that move a tag away from what this unit is or lists, as far as is known, or from what may stand beside it.
    pub(super) fn displacing(&self, id: UnitId) -> Vec<UnitId> {
        let (unit, below) = (self.graph.unit(id), self.facts.unit(id).below.as_ref());
        self.plans.displacing(unit.repository, |displaced| {
            let manifest = &displaced.manifest;
            displaced.is_foreign || unit.digest == *manifest || below.is_none_or(|below| below.contains(manifest))
        })
    }

    /// A commit changed these.
    pub fn touch_units(&mut self, units: impl IntoIterator<Item = UnitId>) {
        for unit in units {
            self.touch_unit(unit);
        }
    }

    /// An endpoint answers or no longer does, or something else is known of its registry.
    pub fn touch_target(&mut self, target: TargetId) {
        let units = self.graph.wanted().filter(|unit| self.graph.target_of(*unit) == target);
        self.touched.extend(units);
    }

    /// Claims that were admitted before are asked about one by one, and read nothing of their repository's list but what
    /// it says of their tags.
    pub(super) fn touch_list_readers(&mut self, repository: RepositoryId) {
        let (memory, facts) = (&self.memory, &self.facts);
        let reads = |unit: &UnitId| !memory.admissions.contains_key(unit) && facts.unit(*unit).admission.is_none();
        self.touched.extend(self.graph.units_of(repository).filter(reads));
    }
}
