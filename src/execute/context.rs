//! What a run needs to know beside its steps.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Admission, Limits, Repository, UnitId};
use crate::transfer::TransferLimits;

/// What is the same for all that is ever run.
#[derive(Debug, Clone)]
pub struct ExecutionOptions {
    /// Where the desired state is read from, for promotion records; credentials in it are left out there.
    pub git_url: Arc<str>,
    pub limits: Limits,
    pub concurrency: Concurrency,
    pub transfer: TransferLimits,
}

/// Everything that is the same for all steps of a plan, and the admission of each unit in it.
#[derive(Debug, Clone)]
pub struct ExecutionContext {
    /// Of every unit that has steps, admitted now or before. Nothing is written for a unit that is not here.
    pub admissions: HashMap<UnitId, UnitAdmission>,
    pub options: ExecutionOptions,
}

/// By what right a unit's steps write.
#[derive(Debug, Clone)]
pub struct UnitAdmission {
    pub admission: Arc<Admission>,
    /// Admitted by this pass: journalled before the unit's first write.
    pub is_new: bool,
    /// A registry knew of the claim before the state did.
    pub recorded: bool,
    /// Where `Provider::Source` reads.
    pub source: Repository,
}

/// How much happens at once. What one registry is sent at once, its budget limits, not this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Images worked on at once; each at all of its endpoints.
    pub units: usize,
    /// After so many steps in a row to which an endpoint did not answer (no connection, or a time-out), the run leaves
    /// it alone: the rest of its steps are skipped, and the next pass asks first whether it answers.
    pub silent_steps: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            units: 32,
            silent_steps: 3,
        }
    }
}
