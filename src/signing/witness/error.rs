//! Why a signature has no witness. It is not used then: what was asked for is all of it.

use std::path::PathBuf;

use thiserror::Error;

use crate::signing::SigningError;
use crate::trust::{KeyAlgorithm, KeyError, TrustRootError, VerificationError};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WitnessError {
    #[error("{service}: {reason}")]
    Service { service: String, reason: String },
    #[error("{service} answers {status}")]
    Refused { service: String, status: u16 },
    #[error("a transparency log takes no {algorithm} keys: of those it takes ECDSA P-256 and RSA are supported here")]
    Algorithm { algorithm: KeyAlgorithm },
    #[error("{path} cannot be read: {reason}", path = .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{path}: {error}", path = .path.display())]
    TrustRoot { path: PathBuf, error: TrustRootError },
    #[error("its public key in landfall.toml cannot be used: {0}")]
    PublicKey(KeyError),
    #[error("what its log and its timestamp authority answered does not hold: {0}")]
    Lied(VerificationError),
}

impl WitnessError {
    fn help(&self, signer: &str) -> Option<String> {
        match self {
            Self::Algorithm { .. } => Some(format!(
                "remove `log` from `[signers.{signer}]`, or give it another key"
            )),
            Self::Unreadable { .. } | Self::TrustRoot { .. } => Some(format!(
                "`trusted-root` in `[signers.{signer}]` is a trusted_root.json with the keys of its `log` and its `timestamp`"
            )),
            Self::Lied(_) => Some(format!(
                "nothing was signed with it; `trusted-root` in `[signers.{signer}]` may be another Sigstore's"
            )),
            Self::Service { .. } | Self::Refused { .. } | Self::PublicKey(_) => None,
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
