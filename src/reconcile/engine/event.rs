//! What the engine is told, and what it asks for.

use std::sync::Arc;

use super::in_flight::LookId;
use crate::execute::{RunId, StepOutcome};
use crate::facts::{Answer, Ask, Depth, Evidence};
use crate::model::{EndpointIndex, NodeId, Obstacle, TargetId, UnitId};
use crate::plan::Step;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A look came back.
    Answered {
        look: LookId,
        answer: Answer,
        /// How many requests it took.
        requests: u64,
    },
    /// A step of a run ended at one endpoint; `outcome.step` is its position among the run's.
    Finished { run: RunId, outcome: StepOutcome },
    /// All of a run has ended.
    Ended(RunId),
}

impl Event {
    /// What was in the way, where something was.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Obstacle> {
        match self {
            Self::Answered {
                answer: Answer::Failed(obstacle),
                ..
            } => Some(obstacle),
            Self::Finished { outcome, .. } => outcome.outcome.obstacle().map(|obstacle| &**obstacle),
            Self::Answered { .. } | Self::Ended(_) => None,
        }
    }
}

/// What the engine wants begun. There is room for it.
#[derive(Debug)]
pub enum Begin {
    Look {
        id: LookId,
        ask: Ask,
        depth: Depth,
        endpoint: EndpointIndex,
    },
    /// Steps of one unit.
    Run { id: RunId, unit: UnitId, steps: Vec<Step> },
}

/// What follows from a batch of events.
#[derive(Debug, Default)]
pub struct Turn {
    pub begins: Vec<Begin>,
    /// Runs that do what a commit withdrew: they end before their next write.
    pub cancels: Vec<RunId>,
}

/// What has to be remembered of what happened, before anything that depends on it begins.
#[derive(Debug)]
pub enum Learnt {
    /// An endpoint was asked whether it answers.
    Heard {
        target: TargetId,
        endpoint: EndpointIndex,
        answer: Answer,
    },
    /// A step was done at an endpoint; for signed and attached artifacts, what was made or now stands.
    Succeeded {
        step: Step,
        endpoint: EndpointIndex,
        attached: Option<Evidence>,
    },
    Failed {
        node: NodeId,
        endpoint: EndpointIndex,
        obstacle: Arc<Obstacle>,
    },
    /// A run of this unit has got so far that its admission is on record, if it came to a write.
    Touched(UnitId),
}
