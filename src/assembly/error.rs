//! Why landfall cannot be put together.

use miette::Diagnostic;
use thiserror::Error;

use crate::config::ConfigError;
use crate::reconcile::ReconcileError;
use crate::reconcile::state::StateError;
use crate::registry::OptionsError;
use crate::source::SourceError;

/// Why repository, state, registries and signers do not come together.
#[derive(Debug, Error, Diagnostic)]
pub enum AssemblyError {
    /// The name of the repository, or of the folder in it, is none.
    #[error(transparent)]
    Location(SourceError),
    #[error(transparent)]
    Repository(SourceError),
    #[error("landfall's memory cannot be opened")]
    State(#[from] StateError),
    #[error(transparent)]
    Registries(#[from] OptionsError),
    #[error(transparent)]
    Signers(#[from] ConfigError),
    #[error(transparent)]
    Reconciler(#[from] ReconcileError),
}
