//! What can go wrong with the desired-state repository.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::{BlobId, CommitId};

/// Every message names the repository, what was asked of it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    #[error("{url}: network transports are not supported by this version: clone it and give the path of the clone")]
    Transport {
        /// Without credentials.
        url: String,
    },
    #[error("`{text}` names no Git repository: {reason}")]
    Location { text: String, reason: String },
    #[error("`{path}` is not a folder inside a repository: {reason}")]
    SubPath { path: String, reason: &'static str },
    #[error(
        "{} is no Git repository that this version reads: {reason}; expected the folder that holds `.git`, \
         or a bare repository",
        repository.display()
    )]
    NotARepository { repository: PathBuf, reason: String },
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
    #[error("{}: commit {commit} has more than {limit} {what} where landfall reads", repository.display())]
    TooLarge {
        repository: PathBuf,
        commit: CommitId,
        limit: u64,
        what: &'static str,
    },
    #[error("{}: {doing}: {reason}", repository.display())]
    Git {
        repository: PathBuf,
        /// What was being done, as "cannot …".
        doing: String,
        reason: String,
    },
}
