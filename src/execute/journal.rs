//! What must be durable before the next write, so that a kill at any moment loses nothing.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Admission, ArtifactKind, Digest, Repository, RepositoryPath, SignerIdentity, Tag};

/// A signature or attestation of one image at one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactKey {
    pub target: String,
    pub repository: RepositoryPath,
    pub digest: Digest,
    pub kind: ArtifactKind,
    /// Who signs it: bytes that another key made are another artifact.
    pub by: SignerIdentity,
}

/// Bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
pub enum SignedArtifact {
    /// A Sigstore bundle and the time written into its referrer manifest.
    Bundle {
        bundle: String,
        predicate_type: String,
        created: jiff::Timestamp,
    },
    /// A simple signing payload and its signature, base64.
    Simple { payload: String, signature: String },
}

#[derive(Debug, Clone, Error)]
#[error("the state cannot be written: {0}")]
pub struct JournalError(pub String);

/// Landfall's durable memory as execution needs it. Each call returns when the change is on disk; it is made on the
/// threads that run everything else, so it must not take longer than that.
pub trait Journal: Send + Sync + 'static {
    /// Before the first write of a claim. `recorded` says that a registry knew of it before the state did.
    fn admit(
        &self,
        target: &str,
        repository: &RepositoryPath,
        digest: Digest,
        admission: &Admission,
        recorded: bool,
    ) -> Result<(), JournalError>;

    /// Before signed bytes are attached anywhere. `reference` is the public reference that they speak of.
    fn keep(
        &self,
        key: &ArtifactKey,
        reference: &Repository,
        digest: Digest,
        artifact: &SignedArtifact,
    ) -> Result<(), JournalError>;

    /// The bytes last kept, also where they have long stood: what is put back must be what stood.
    fn kept(&self, key: &ArtifactKey) -> Result<Option<SignedArtifact>, JournalError>;

    /// Before the first write of a copy to these repositories: until it has ended with every blob verified, what stands
    /// there of the image may lack some.
    fn will_copy(&self, repositories: &[Repository], digest: Digest) -> Result<(), JournalError>;

    /// Before a tag is written: from then on what it stands on is landfall's to repair.
    fn will_tag(&self, repository: &Repository, tag: &Tag, digest: Digest) -> Result<(), JournalError>;
}
