//! What is asked for.

use std::collections::BTreeMap;
use std::fmt;

use super::super::statement::predicate_type;
use super::super::{IdentityPattern, LogRule, PublicKey, TrustRoots};
use crate::model::Digest;

/// Whose signature counts.
#[derive(Debug, Clone)]
pub enum AcceptedSigner {
    Key(PublicKey),
    /// Whoever has a certificate for such an identity.
    Certificate(IdentityPattern),
}

/// What is to be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// That the image itself was signed. Something else that the same hand signed about the image is no signature of it.
    Signature,
    /// That something of this predicate type was said of it.
    Attestation(String),
}

/// What has to be proved of an image, and by whom.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    pub image: Digest,
    pub wanted: Wanted,
    /// Any one of them.
    pub signers: &'a [AcceptedSigner],
    /// For certificates, and for what has to stand in a log.
    pub roots: Option<&'a TrustRoots>,
    pub log: LogRule,
    /// What the signer must have said beside: all of it, and it may have said more.
    pub annotations: &'a BTreeMap<String, String>,
}

impl Demand<'_> {
    pub(super) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.signers.iter().filter_map(|signer| match signer {
            AcceptedSigner::Key(key) => Some(key),
            AcceptedSigner::Certificate(_) => None,
        })
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &IdentityPattern> {
        self.signers.iter().filter_map(|signer| match signer {
            AcceptedSigner::Certificate(pattern) => Some(pattern),
            AcceptedSigner::Key(_) => None,
        })
    }
}

impl Wanted {
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        match self {
            Self::Signature => predicate_type::SIGNATURE,
            Self::Attestation(uri) => uri,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => formatter.write_str("a signature"),
            Self::Attestation(uri) => write!(formatter, "an attestation of type {uri}"),
        }
    }
}

impl fmt::Display for AcceptedSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(formatter, "key {}", key.fingerprint()),
            Self::Certificate(pattern) => pattern.fmt(formatter),
        }
    }
}
