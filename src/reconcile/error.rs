//! What ends a reconciliation before it begins, or in the middle.

use thiserror::Error;

use super::state::StateError;
use crate::model::{CommitId, Diagnostic};
use crate::source::SourceError;

#[derive(Debug, Error)]
pub enum ReconcileError {
    #[error(
        "branch `{branch}` no longer contains commit {accepted}, which was followed before: its head is {head}; \
         nothing is done until `landfall accept {head}` says that this is meant"
    )]
    Rewritten {
        branch: String,
        accepted: CommitId,
        head: CommitId,
    },
    #[error("commit {commit} is refused: {} of its manifests are wrong", diagnostics.len())]
    Invalid {
        commit: CommitId,
        diagnostics: Vec<Diagnostic>,
    },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    State(#[from] StateError),
}
