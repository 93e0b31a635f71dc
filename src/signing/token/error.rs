//! Why a token does not sign.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::Digest;
use crate::signing::{PasswordError, SigningError};
use crate::trust::{KeyAlgorithm, KeyError};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the PKCS#11 module {module}: {reason}", module = .module.display())]
    Module { module: PathBuf, reason: String },
    #[error("{count} tokens are called `{token}`: expected one")]
    Tokens { token: String, count: usize },
    #[error("the token `{token}` holds {count} private keys that are called `{key}`: expected one")]
    Keys { token: String, key: String, count: usize },
    #[error("the PIN of token `{token}`: {error}")]
    Pin { token: String, error: PasswordError },
    #[error(
        "the token `{token}` refuses the PIN ({reason}): it is not tried again, for tokens lock themselves after a few tries"
    )]
    PinRefused { token: String, reason: String },
    #[error("the token `{token}`: {reason}")]
    Token { token: String, reason: String },
    #[error("a token's {algorithm} key: {reason}")]
    Signature { algorithm: KeyAlgorithm, reason: String },
    #[error("its public key in landfall.toml cannot be used: {0}")]
    PublicKey(KeyError),
    #[error(
        "what the key `{key}` of token `{token}` signs does not verify with the public key in landfall.toml, {expected} (SHA-256 \
         of its SubjectPublicKeyInfo)"
    )]
    Mismatch {
        token: String,
        key: String,
        expected: Digest,
    },
    #[error("the thread that speaks with the token `{token}` has ended")]
    Ended { token: String },
}

impl TokenError {
    fn help(&self, signer: &str) -> Option<String> {
        match self {
            Self::Module { .. } => Some(format!(
                "`pkcs11` in `[signers.{signer}]` of config.toml is the path of the module that came with the token, such as \
                 /usr/lib/softhsm/libsofthsm2.so"
            )),
            Self::Tokens { .. } | Self::Keys { .. } => {
                Some("`pkcs11-tool --module MODULE --list-slots` and `--list-objects` show what there is".to_owned())
            }
            Self::Pin { .. } | Self::PinRefused { .. } => Some(format!(
                "`pin-file` in `[signers.{signer}]` names a file with the user's PIN; start landfall again when it is right"
            )),
            Self::Mismatch { .. } => Some(format!(
                "point `key` in `[signers.{signer}]` to the other key, or commit this one's public key and move the old one to \
                 `previous`"
            )),
            Self::Token { .. } | Self::Signature { .. } | Self::PublicKey(_) | Self::Ended { .. } => None,
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
