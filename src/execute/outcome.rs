//! What became of each step at each endpoint.

use std::sync::Arc;

use crate::facts::{Ask, Evidence};
use crate::model::{EndpointIndex, NodeId, Obstacle};

/// One step at one endpoint. Signing, which touches no endpoint, reports the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// Position in the plan.
    pub step: usize,
    pub node: NodeId,
    pub endpoint: EndpointIndex,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; for artifacts, what was signed or now stands, and by whom it is.
    Done { attached: Option<Evidence> },
    /// Something else stood there than the step replaces, or what it builds on was gone: looked at again.
    Stale { obstacle: Arc<Obstacle> },
    /// Failed before anything could have changed.
    Failed { obstacle: Arc<Obstacle> },
    /// Failed, and the write may have happened all the same.
    Uncertain { obstacle: Arc<Obstacle> },
    /// A step it waits for did not succeed, or its endpoint had stopped answering by then.
    Skipped,
    /// The pass was told to stop first.
    Cancelled,
}

impl Outcome {
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// What was in the way.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Arc<Obstacle>> {
        match self {
            Self::Stale { obstacle } | Self::Failed { obstacle } | Self::Uncertain { obstacle } => Some(obstacle),
            Self::Done { .. } | Self::Skipped | Self::Cancelled => None,
        }
    }
}

impl StepOutcome {
    /// The question whose answer this outcome puts in doubt.
    #[must_use]
    pub fn doubts(&self, slot_ask: Ask) -> Option<Ask> {
        matches!(
            self.outcome,
            Outcome::Stale { .. } | Outcome::Uncertain { .. } | Outcome::Failed { .. }
        )
        .then_some(slot_ask)
    }
}
