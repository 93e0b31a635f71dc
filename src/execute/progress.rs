//! What a run tells while it lasts.

use super::StepOutcome;
use crate::model::EndpointIndex;

/// Hears of each step as it happens, in the order in which it happens. Called on the task that waits for
/// [`super::execute`]: what takes long holds it up.
pub trait Progress: Send + Sync {
    /// A step begins at an endpoint; `step` is its position in the plan. Signing reports the primary.
    fn started(&self, _step: usize, _endpoint: EndpointIndex) {}

    fn finished(&self, _outcome: &StepOutcome) {}

    /// So many bytes of blobs more reached an endpoint.
    fn copied(&self, _bytes: u64) {}
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
