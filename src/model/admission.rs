//! What was decided when an image was first promoted.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CommitId, Digest, RepoPath, Repository};

/// Something that travels with an image, fixed at admission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    pub digest: Digest,
    #[serde(flatten)]
    pub kind: CarriedKind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum CarriedKind {
    /// A manifest whose `subject` is the image, or one that is carried itself.
    Referrer { subject: Digest },
    /// A manifest under cosign's tag `sha256-<subject>.<suffix>`.
    CosignTag { subject: Digest, suffix: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// The policy's mode was `off`: nothing was asked.
    Unchecked,
    /// It stood at the target before landfall knew of it, and its source had gone: nothing was asked.
    #[serde(rename = "found-standing")]
    FoundStanding,
}

/// The record of a claim's admission: kept in `state`, and in the promotion record at the registries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Admission {
    pub source: Repository,
    pub carried: Arc<[Carried]>,
    /// SHA-256 over the policy's canonical text.
    pub policy: Digest,
    pub mode: super::PolicyMode,
    pub verdict: Verdict,
    /// The first-parent commit that introduced the claim.
    pub commit: CommitId,
    pub path: RepoPath,
    pub author: String,
    pub at: Timestamp,
}
