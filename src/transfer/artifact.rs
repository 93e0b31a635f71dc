//! Artifacts that are made here: signatures, attestations.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use super::in_flight::Claim;
use super::{Lost, Transfer, TransferError};
use crate::model::{Descriptor, Digest, Repository};
use crate::registry::{ErrorKind, ManifestAt, Pushed, WritableRegistry};

/// A manifest and all blobs that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub media_type: String,
    pub manifest: Bytes,
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// Whether a blob is looked for before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Skip,
}

impl Artifact {
    /// The manifest's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

impl Transfer {
    /// Stores an artifact under its digest, blobs first, and reads it back.
    ///
    /// Where the answer acknowledges no subject, the caller enters the artifact in the subject's fallback index, under
    /// that tag's lock (see [`super::SharedTags`]).
    ///
    /// # Errors
    /// The repository's own, and [`TransferError::NotKept`].
    pub async fn put_referrer<R: WritableRegistry>(
        &self,
        registry: &R,
        repository: &Repository,
        artifact: &Artifact,
    ) -> Result<Pushed, TransferError> {
        self.put_blobs(registry, repository, &artifact.blobs).await?;
        let digest = artifact.digest();
        let at = ManifestAt::Digest(&digest);
        let put = || registry.put_manifest(repository, at, &artifact.media_type, artifact.manifest.clone());
        let pushed = match put().await {
            // What it said of the blobs is not true: they are sent once more.
            Err(error) if error.kind == ErrorKind::Missing => {
                tracing::warn!(%repository, manifest = %digest, %error, "what the registry said it has is sent once more");
                self.send_blobs(registry, repository, &artifact.blobs, Look::Skip)
                    .await?;
                put().await?
            }
            pushed => pushed?,
        };
        match registry.manifest(repository, at).await? {
            Some(_) => Ok(pushed),
            None => Err(TransferError::NotKept {
                repository: repository.clone(),
                lost: Lost::Manifest(digest),
            }),
        }
    }

    /// Stores those of these blobs that the repository does not have.
    ///
    /// # Errors
    /// The repository's own.
    pub async fn put_blobs<R: WritableRegistry>(
        &self,
        registry: &R,
        repository: &Repository,
        blobs: &[(Descriptor, Bytes)],
    ) -> Result<(), TransferError> {
        self.send_blobs(registry, repository, blobs, Look::First).await
    }

    async fn send_blobs<R: WritableRegistry>(
        &self,
        registry: &R,
        repository: &Repository,
        blobs: &[(Descriptor, Bytes)],
        look: Look,
    ) -> Result<(), TransferError> {
        let puts = blobs
            .iter()
            .map(|(blob, content)| self.send_blob(registry, repository, (blob, content), look));
        join_all(puts).await.into_iter().collect()
    }

    async fn send_blob<R: WritableRegistry>(
        &self,
        registry: &R,
        repository: &Repository,
        (blob, content): (&Descriptor, &Bytes),
        look: Look,
    ) -> Result<(), TransferError> {
        loop {
            match self.in_flight.claim(repository, &blob.digest) {
                Claim::Theirs(waiting) => waiting.ended().await,
                Claim::Ours(_ticket) => {
                    if look == Look::Skip || !registry.has_blob(repository, blob).await? {
                        let content = stream::iter([Ok(content.clone())]).boxed();
                        registry.put_blob(repository, blob, content).await?;
                    }
                    return Ok(());
                }
            }
        }
    }
}
