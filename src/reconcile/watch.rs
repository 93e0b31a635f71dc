//! Who looks on while the engine works: progress bars, logs, the simulation's invariants.

use jiff::Timestamp;

use super::engine::Engine;
use crate::execute::{Progress, Silent};
use crate::facts::{Ask, Depth};
use crate::graph::Graph;
use crate::model::{EndpointIndex, Obstacle};
use crate::plan::Step;

pub trait Watch: Send + Sync {
    /// The engine has planned what was touched, and will begin what there is room for.
    fn turned(&self, _engine: &Engine, _now: Timestamp) {}

    /// This is put to a registry now.
    fn asking(&self, _graph: &Graph, _ask: Ask, _depth: Depth, _endpoint: EndpointIndex, _now: Timestamp) {}

    /// These steps of one unit, of the plan as it is now, begin.
    fn beginning(&self, _graph: &Graph, _steps: &[Step], _now: Timestamp) {}

    /// The engine is about to be told of an obstacle.
    fn met(&self, _obstacle: &Obstacle, _now: Timestamp) {}

    fn progress(&self) -> &dyn Progress {
        &Silent
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
