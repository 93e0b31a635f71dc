//! What was proved.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::{CertificateIdentity, Certified, WorkloadClaims};
use crate::model::Digest;

/// Who signed what, and since when that is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    pub signer: ProvenSigner,
    pub stated: Stated,
    /// Signed by a log or a timestamp authority; none where a key signed and nobody else was asked.
    pub times: Vec<Timestamp>,
    /// Whether a transparency log proves that it has it.
    pub logged: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum ProvenSigner {
    #[serde(rename_all = "camelCase")]
    Key { fingerprint: Digest },
    #[serde(rename_all = "camelCase")]
    Certificate {
        #[serde(flatten)]
        identity: CertificateIdentity,
        claims: Box<WorkloadClaims>,
    },
}

/// What the signer said of the image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Stated {
    #[serde(rename_all = "camelCase")]
    Statement {
        predicate_type: String,
        /// A JSON object.
        predicate: Value,
    },
    /// The name by which the signer calls the image: not compared with where it was found.
    #[serde(rename_all = "camelCase")]
    Reference { docker_reference: String },
}

impl Proof {
    pub(super) fn by_certificate(certified: Certified, stated: Stated) -> Self {
        Self {
            signer: ProvenSigner::Certificate {
                identity: certified.identity,
                claims: Box::new(certified.claims),
            },
            stated,
            times: certified.times,
            logged: certified.logged,
        }
    }
}

impl fmt::Display for ProvenSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { fingerprint } => write!(formatter, "key {fingerprint}"),
            Self::Certificate { identity, .. } => identity.fmt(formatter),
        }
    }
}
