//! Why a key file does not sign.

use std::path::PathBuf;

use thiserror::Error;

use super::{PasswordError, SigningError};
use crate::model::Digest;
use crate::trust::KeyError;

/// What is wrong with a signer's key file, its password or its public key. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFileError {
    #[error("no private key is configured")]
    Unconfigured,
    #[error("the key file {path} cannot be read: {reason}", path = .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{path}: {error}", path = .path.display())]
    Key { path: PathBuf, error: KeyError },
    #[error("{path}: {error}", path = .path.display())]
    Password { path: PathBuf, error: PasswordError },
    #[error("its public key in landfall.toml cannot be used: {0}")]
    PublicKey(KeyError),
    #[error(
        "the key file {path} belongs to the public key {found}, but landfall.toml names {expected} (SHA-256 of their SubjectPublicKeyInfo)",
        path = .path.display()
    )]
    Mismatch {
        path: PathBuf,
        found: Digest,
        expected: Digest,
    },
    #[error("opening the key file {path} was interrupted", path = .path.display())]
    Interrupted { path: PathBuf },
}

impl KeyFileError {
    /// What its owner can do about it.
    fn help(&self, signer: &str) -> Option<String> {
        match self {
            Self::Unconfigured => Some(format!(
                "name it in config.toml: `[signers.{signer}]` with `private-key` and `password-file`; `landfall key generate` makes one"
            )),
            Self::Key {
                error: KeyError::WrongPassword,
                ..
            }
            | Self::Password {
                error: PasswordError::Unset,
                ..
            } => Some(format!(
                "the password comes from `password-file` in `[signers.{signer}]` where that is set, else from LANDFALL_KEY_PASSWORD \
                 or COSIGN_PASSWORD"
            )),
            Self::Password { .. } => Some(format!(
                "write the password into that file, or remove `password-file` from `[signers.{signer}]`: then it is taken from \
                 LANDFALL_KEY_PASSWORD or COSIGN_PASSWORD"
            )),
            Self::Mismatch { .. } => Some(format!(
                "point `private-key` in `[signers.{signer}]` to the other key, or commit this one's public key and move the old one to `previous`"
            )),
            Self::Unreadable { .. } => Some(format!(
                "point `private-key` in `[signers.{signer}]` to the key file; `landfall key generate` makes one"
            )),
            Self::Key { .. } | Self::PublicKey(_) | Self::Interrupted { .. } => None,
        }
    }

    pub(super) fn of(self, signer: &str) -> SigningError {
        SigningError {
            signer: signer.to_owned(),
            help: self.help(signer),
            message: self.to_string(),
        }
    }
}
