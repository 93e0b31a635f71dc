//! What can go wrong with a repository elsewhere, each told apart, with what to do.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::model::CommitId;

/// A look at a remote repository that failed. Neither credentials nor what a server wrote for people stand in it unseen:
/// texts of servers are cut and made printable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{url}: {fault}")]
pub struct RemoteError {
    /// Without credentials.
    pub url: String,
    pub fault: Fault,
}

/// What kept a look from ending well.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    #[error(
        "the host cannot be reached ({reason}): check its name, the network, and `proxy` under [git] in config.toml"
    )]
    Unreachable { reason: String },
    #[error(
        "the host's certificate is not accepted ({reason}): renew it where it has expired; where an authority of your own \
         signed it, name that one's file as `ca` under [git] in config.toml"
    )]
    Certificate { reason: String },
    #[error("{doing} took longer than {} s: where the repository is that large, raise `{key}` under [limits.git] in config.toml", limit.as_secs())]
    TimedOut {
        doing: &'static str,
        limit: Duration,
        key: &'static str,
    },
    #[error("the answer was cut off ({reason}): the next look tries again, from the commits that are here already")]
    CutOff { reason: String },
    #[error(
        "the host asks to be left alone{}: where that goes on, raise `interval` under [git] in config.toml",
        retry_after.map(|wait| format!(" for {} s", wait.as_secs())).unwrap_or_default()
    )]
    Throttled { retry_after: Option<Duration> },
    #[error("the host answers {status}: its own log tells more; the next look tries again")]
    Unavailable { status: u16, retry_after: Option<Duration> },
    #[error("the host wants credentials: name them as `login` under [git] in config.toml")]
    NoCredentials,
    #[error(
        "the host refuses the credentials of `login` under [git] in config.toml (revoked, expired, or of another host): put \
         new ones where they are read from; no restart is needed"
    )]
    WrongCredentials,
    #[error("no credentials: {reason}")]
    Login { reason: String },
    #[error("the credentials are good, but may not read this repository (403): grant their owner to read it")]
    Forbidden,
    #[error(
        "there is no such repository, or these credentials may not know of it: check `url` under [git] in config.toml; where \
         it has moved, name its new place there"
    )]
    NotFound,
    #[error(
        "the repository has moved to {to}, a host to which credentials are not carried: name that as `url` under [git] in \
         config.toml"
    )]
    MovedElsewhere { to: String },
    #[error("refused here: {reason}")]
    NotAllowed { reason: String },
    #[error(
        "this is no Git repository that is served over the smart protocol ({reason}): check `url` under [git] in config.toml"
    )]
    NotGit { reason: String },
    #[error(
        "the host speaks version {version} of Git's protocol, landfall version 2: that needs Git 2.18 there, and a reverse \
         proxy in front of it that passes the header `Git-Protocol` on (sshd: `AcceptEnv GIT_PROTOCOL`)"
    )]
    ProtocolVersion { version: u8 },
    #[error(
        "its objects are named by {format}: this version reads those named by SHA-1; `git fast-export --all`, read by \
         `git fast-import` in a new repository, makes such a one of it"
    )]
    ObjectFormat { format: String },
    #[error("the repository there is a shallow clone, whose history ends too soon: run `git fetch --unshallow` in it")]
    Shallow,
    #[error("it has no commits yet: push a landfall.toml to branch `{branch}`")]
    Unborn { branch: String },
    #[error("there is no branch `{branch}`{hint}")]
    NoSuchBranch {
        branch: String,
        /// Starts with `: ` or `; `.
        hint: String,
    },
    #[error(
        "branch `{branch}` is gone, which stood at {last}: that commit goes on being kept; push the branch again, or name \
         another as `branch` under [git] in config.toml and accept a commit of it"
    )]
    BranchDeleted { branch: String, last: CommitId },
    #[error("there is no commit {commit} that the host gives: check the id, or push it to a branch")]
    NoSuchCommit { commit: CommitId },
    #[error(
        "more than {limit} bytes came: where the repository is that large, raise `{key}` under [limits.git] in config.toml"
    )]
    TooLarge { limit: u64, key: &'static str },
    #[error(
        "the host sends {objects} objects, more than {limit}: where the repository is that large, raise `objects` under \
         [limits.git] in config.toml"
    )]
    TooManyObjects { objects: u64, limit: u64 },
    #[error("the disk that holds {} is full: free some, or set `cache` under [storage] in config.toml to a larger one", folder.display())]
    DiskFull { folder: PathBuf },
    #[error("{}: {reason}: landfall must be able to write there; `cache` under [storage] in config.toml chooses the place", path.display())]
    Disk { path: PathBuf, reason: String },
    #[error(
        "what came is damaged ({reason}): the next look tries again; where that goes on, `git fsck` at the host tells more"
    )]
    Damaged { reason: String },
    #[error(
        "the host's key is not the one that is known ({reason}): somebody may stand in between; where the key was changed, \
         put the new one into the known_hosts file or as `host-key` under [git.ssh] in config.toml"
    )]
    HostKey { reason: String },
    #[error(
        "the program `ssh` cannot be run ({reason}): install OpenSSH's client, or follow the repository over https"
    )]
    NoSsh { reason: String },
    #[error("ssh ended with an error: {reason}")]
    Ssh { reason: String },
}

impl Fault {
    pub(super) fn at(self, url: &impl ToString) -> RemoteError {
        RemoteError {
            url: url.to_string(),
            fault: self,
        }
    }

    /// How long the other side asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether nothing that was configured or pushed is wrong: somebody else has to act, or nobody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::CutOff { .. }
                | Self::Throttled { .. }
                | Self::Unavailable { .. }
                | Self::DiskFull { .. }
                | Self::Disk { .. }
                | Self::Damaged { .. }
                | Self::Ssh { .. }
        )
    }

    /// Whether credentials were refused or could not be had.
    #[must_use]
    pub fn is_of_credentials(&self) -> bool {
        matches!(
            self,
            Self::NoCredentials | Self::WrongCredentials | Self::Login { .. } | Self::Forbidden | Self::HostKey { .. }
        )
    }
}

/// What a server or a program wrote, on one line that is fit to be shown.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 300;
    let line: String = text
        .trim()
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MOST)
        .collect();
    if line.is_empty() {
        "no reason given".to_owned()
    } else {
        line
    }
}
