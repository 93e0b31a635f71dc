//! What ends a reconciliation before it begins, or in the middle.

use thiserror::Error;

use super::state::StateError;
use crate::model::{CommitId, Diagnostic, RefusedReport};
use crate::source::SourceError;

#[derive(Debug, Error)]
pub enum ReconcileError {
    #[error(
        "branch `{branch}` no longer contains commit {accepted}, which was followed before: its head is {head}, and is \
         followed only where somebody says that this is meant"
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

impl ReconcileError {
    /// What is told of a commit that this keeps from being followed.
    pub(super) fn refusal(&self, commit: CommitId) -> RefusedReport {
        RefusedReport {
            commit,
            reason: self.to_string(),
            diagnostics: match self {
                Self::Invalid { diagnostics, .. } => diagnostics.clone(),
                Self::Rewritten { .. } | Self::Source(_) | Self::State(_) => Vec::new(),
            },
        }
    }
}
