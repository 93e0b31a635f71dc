//! Why a key was not made, shown or found to be good.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cli::ExitCode;
use crate::model::Digest;
use crate::signing::{PasswordError, PasswordSource};
use crate::trust::KeyError;

#[derive(Debug, Error)]
pub(super) enum KeyCommandError {
    #[error("{path} is there already and is not overwritten: choose another --output-key-prefix", path = .path.display())]
    Exists { path: PathBuf },
    #[error("{path} cannot be written: {error}", path = .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{path} cannot be read: {error}", path = .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path}: {error}", path = .path.display())]
    Key { path: PathBuf, error: KeyError },
    #[error("{0}")]
    Password(PasswordError),
    #[error(
        "no password: give --password-file, set {}, or run this on a terminal",
        PasswordSource::VARIABLES.join(" or ")
    )]
    NoPassword,
    #[error("the password cannot be asked for: {0}")]
    Terminal(io::Error),
    #[error("the two passwords differ: nothing was written")]
    PasswordsDiffer,
    #[error(
        "{path} holds the key {found}, but {public_key} is {expected} (SHA-256 of their SubjectPublicKeyInfo)",
        path = .path.display(),
        public_key = .public_key.display()
    )]
    Mismatch {
        path: PathBuf,
        found: Digest,
        public_key: PathBuf,
        expected: Digest,
    },
    #[error("{path}: what the key signs does not verify with its own public key", path = .path.display())]
    Broken { path: PathBuf },
    #[error("{0}")]
    Made(KeyError),
    #[error("the answer cannot be written: {0}")]
    Output(io::Error),
}

impl KeyCommandError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Exists { .. }
            | Self::Unreadable { .. }
            | Self::Key { .. }
            | Self::Password(_)
            | Self::NoPassword
            | Self::PasswordsDiffer
            | Self::Mismatch { .. }
            | Self::Broken { .. } => ExitCode::Invalid,
            Self::Write { .. } | Self::Terminal(_) | Self::Made(_) | Self::Output(_) => ExitCode::Failed,
        }
    }
}
