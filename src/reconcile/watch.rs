//! Who looks on while a pass runs: progress bars, logs, the simulation's invariants.

use crate::execute::{Progress, Silent};
use crate::facts::Question;
use crate::graph::Graph;
use crate::plan::Planned;

pub trait Watch: Send + Sync {
    /// A round's plan, before anything of it is run.
    fn planned(&self, _graph: &Graph, _planned: &Planned) {}

    /// These questions are put to registries now.
    fn asking(&self, _questions: &[Question]) {}

    fn progress(&self) -> &dyn Progress {
        &Silent
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
