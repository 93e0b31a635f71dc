//! Why landfall cannot be put together.

use std::fmt;

use miette::Diagnostic;
use thiserror::Error;

use crate::config::{ConfigError, Refusal};
use crate::model::Prefix;
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

/// What a plan writes to, and `allow-writes` does not cover.
#[derive(Debug, Error)]
#[error(
    "`allow-writes` does not cover {repositories} of the repositories that this plan writes to, among them {}; nothing \
     was written",
    .first.place
)]
pub struct WritesRefused {
    /// How many; no more than a thousand are counted.
    pub repositories: usize,
    pub first: Refusal,
    /// Of all targets.
    pub endpoints: Vec<Prefix>,
}

impl Diagnostic for WritesRefused {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let prefixes: Vec<String> = self.endpoints.iter().map(|prefix| format!("\"{prefix}\"")).collect();
        Some(Box::new(format!(
            "every endpoint of the manifests would be covered by\n  allow-writes = [{}]\nin {}, above the first [section]",
            prefixes.join(", "),
            self.first.file.display()
        )))
    }
}
