//! What each kind of event touches: whose plan may be another since.

use super::turning::Engine;
use crate::facts::Ask;
use crate::model::{EndpointIndex, RepositoryId, TargetId, UnitId};

impl Engine {
    /// An answer about a place has come, or it counts as not asked.
    pub(super) fn touch_place(&mut self, ask: Ask) {
        match ask {
            Ask::Endpoint(target) => self.touch_target(target),
            Ask::Tags(repository) => self.touch_repository(repository),
            // A list says something of each tag, and one of them stood for the whole repository.
            Ask::Tag(tag) => self.touch_repository(self.graph.tag(tag).0),
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => self.touch_unit(unit),
        }
    }

    /// A unit, and all that read from it. Where these found nothing to read, there may be something now.
    pub(super) fn touch_unit(&mut self, unit: UnitId) {
        self.touched.insert(unit);
        let minds = |neighbour: &UnitId| self.plans.get(neighbour).is_some_and(|plan| plan.minds_neighbours);
        let neighbours = self.graph.units_of(self.graph.unit(unit).repository).filter(minds);
        self.touched.extend(neighbours);
        for downstream in self.graph.downstream(unit) {
            self.facts
                .forget_failure(Ask::Source(downstream), EndpointIndex::PRIMARY);
            self.touched.insert(downstream);
        }
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

    fn touch_repository(&mut self, repository: RepositoryId) {
        let units = self.graph.units_of(repository);
        self.touched.extend(units);
    }
}
