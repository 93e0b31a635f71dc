//! What can go wrong with the desired-state repository.

use std::path::PathBuf;

use thiserror::Error;

use super::remote::RemoteError;
use crate::model::{BlobId, CommitId};

/// Every message names the repository, what was asked of it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    #[error("`{text}` names no Git repository: {reason}")]
    Location { text: String, reason: String },
    #[error("`{path}` is not a folder inside a repository: {reason}")]
    SubPath { path: String, reason: &'static str },
    #[error("{} is no Git repository: {reason}; {hint}", repository.display())]
    NotARepository {
        repository: PathBuf,
        reason: String,
        /// What to do.
        hint: String,
    },
    #[error(
        "{} is a Git repository whose objects are named by {format}: this version reads those named by SHA-1; \
         `git fast-export --all` there, read by `git fast-import` in a new one, makes such a repository of it",
        repository.display()
    )]
    ObjectFormat { repository: PathBuf, format: String },
    #[error(
        "{} is a Git repository that keeps its references as `{format}`: this version reads files; \
         `git refs migrate --ref-format=files` changes that",
        repository.display()
    )]
    ReferenceFormat { repository: PathBuf, format: String },
    #[error("{}: branch `{branch}` has no commits yet: commit a landfall.toml to it", repository.display())]
    Unborn { repository: PathBuf, branch: String },
    #[error("{}: there is no branch `{branch}`{}", repository.display(), hint.as_deref().unwrap_or_default())]
    NoSuchBranch {
        repository: PathBuf,
        branch: String,
        /// Starts with `: ` or `; `.
        hint: Option<String>,
    },
    #[error("{}: `{revision}` names no commit: {reason}", repository.display())]
    NoSuchRevision {
        repository: PathBuf,
        revision: String,
        reason: String,
    },
    #[error(
        "{}: there is no commit {commit}: fetch it, or check that this is the repository it was made in",
        repository.display()
    )]
    NoSuchCommit { repository: PathBuf, commit: CommitId },
    #[error(
        "{}: {kind} {object} is missing: the repository is damaged or a partial clone; \
         `git fsck` tells more, a fresh full clone mends it",
        repository.display()
    )]
    MissingObject {
        repository: PathBuf,
        kind: &'static str,
        object: BlobId,
    },
    #[error(
        "{}: object {object} is corrupt: {reason}; `git fsck` tells more, a fresh full clone mends it",
        repository.display()
    )]
    Corrupt {
        repository: PathBuf,
        object: BlobId,
        reason: String,
    },
    #[error(
        "{}: history ends at commit {commit}, because this is a shallow clone: run `git fetch --unshallow`, \
         or in continuous integration check out with `fetch-depth: 0`",
        repository.display()
    )]
    Shallow { repository: PathBuf, commit: CommitId },
    #[error("commit {until} is not among the first parents of {from}")]
    NotInHistory { from: CommitId, until: CommitId },
    #[error(
        "{}: the listing of folder {folder} has more than {limit} bytes: a commit with so many files in one folder is \
         not read; commit what removes them, the commits around it are read",
        repository.display()
    )]
    TooLarge {
        repository: PathBuf,
        folder: BlobId,
        limit: u64,
    },
    #[error("{}: {doing}: {reason}", repository.display())]
    Git {
        repository: PathBuf,
        /// What was being done, as "cannot …".
        doing: String,
        reason: String,
    },
    #[error(transparent)]
    Remote(Box<RemoteError>),
    #[error("{url}: it was not looked at yet, and there is no clone of it")]
    NotLookedAt { url: String },
}

impl SourceError {
    /// Whether something is not as Git wrote it: where that is a clone of landfall's own, it is made anew.
    pub(super) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::MissingObject { .. } | Self::Corrupt { .. } | Self::NotARepository { .. } | Self::Git { .. }
        )
    }
}

impl miette::Diagnostic for SourceError {}
