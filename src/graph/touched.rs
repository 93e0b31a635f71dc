//! What an update of the graph changed, for those who keep something beside its numbers.

use crate::model::{EndpointIndex, EndpointSet, TargetId, UnitId};

/// What one commit changed. All that is not in here is known as before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Added, changed or no longer wanted, and whoever reads from one of these. Sorted.
    pub units: Vec<UnitId>,
    /// Of these, those of which other signatures and attestations count: other keys or forms, another public name.
    /// Sorted.
    pub evidence: Vec<UnitId>,
    /// Of these, those that are read from another source, or of which other signatures count there. Sorted.
    pub sources: Vec<UnitId>,
    /// Targets whose endpoints are others, or numbered otherwise.
    pub endpoints: Vec<Renumbered>,
}

impl Touched {
    pub(super) fn sort(&mut self) {
        for units in [&mut self.units, &mut self.evidence, &mut self.sources] {
            units.sort_unstable();
            units.dedup();
        }
    }
}

/// How the endpoints of a target are numbered anew. What is known of an endpoint follows its prefix, not its number or
/// its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renumbered {
    pub target: TargetId,
    /// By the former number: the present one. `None` for an endpoint that is gone.
    pub(super) to: Vec<Option<EndpointIndex>>,
}

impl Renumbered {
    #[must_use]
    pub fn endpoint(&self, before: EndpointIndex) -> Option<EndpointIndex> {
        self.to.get(usize::from(before.0)).copied().flatten()
    }

    #[must_use]
    pub fn set(&self, before: EndpointSet) -> EndpointSet {
        before.iter().filter_map(|endpoint| self.endpoint(endpoint)).collect()
    }
}
