//! Why a plugin does not sign.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::model::Digest;
use crate::signing::SigningError;
use crate::trust::KeyError;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PluginError {
    #[error("the plugin {program} cannot be started: {reason}", program = .program.display())]
    NotStarted { program: PathBuf, reason: String },
    #[error("the plugin {program} did not answer within {limit:?}", program = .program.display())]
    TimedOut { program: PathBuf, limit: Duration },
    #[error("the plugin {program} gave no answer that can be read: {reason}", program = .program.display())]
    Answer { program: PathBuf, reason: String },
    #[error("the plugin {program} refuses: {message}", program = .program.display())]
    Refused { program: PathBuf, message: String },
    #[error("the plugin {program}: its key {key} has a public key that cannot be used: {error}", program = .program.display())]
    Key {
        program: PathBuf,
        key: String,
        error: KeyError,
    },
    #[error("its public key in landfall.toml cannot be used: {0}")]
    PublicKey(KeyError),
    #[error(
        "the plugin {program}: the key {key} has the public key {found}, but landfall.toml names {expected} (SHA-256 of their \
         SubjectPublicKeyInfo)",
        program = .program.display()
    )]
    Mismatch {
        program: PathBuf,
        key: String,
        found: Digest,
        expected: Digest,
    },
}

impl PluginError {
    fn help(&self, signer: &str) -> Option<String> {
        match self {
            Self::NotStarted { .. } => Some(format!(
                "`plugin` in `[signers.{signer}]` of config.toml is the path of a program such as sigstore-kms-example"
            )),
            Self::TimedOut { .. } => Some("what it said on standard error stands in the log, with -vv".to_owned()),
            Self::Mismatch { .. } => Some(format!(
                "point `key` in `[signers.{signer}]` to the other key, or commit this one's public key and move the old one to \
                 `previous`"
            )),
            Self::Answer { .. } | Self::Refused { .. } | Self::Key { .. } | Self::PublicKey(_) => None,
        }
    }

    pub(in crate::signing) fn of(self, signer: &str) -> SigningError {
        SigningError {
            signer: signer.to_owned(),
            help: self.help(signer),
            message: self.to_string(),
        }
    }
}
