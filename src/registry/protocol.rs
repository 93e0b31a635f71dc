//! What the rest of landfall asks of registries.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use super::RegistryError;
use crate::model::{Descriptor, Digest, NotReferrers, Repository, RepositoryPath, Tag};

/// Bytes of a blob as they come. An error ends the stream.
pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, RegistryError>> + Send>>;

/// Where a manifest stands in its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManifestAt<'a> {
    Digest(&'a Digest),
    Tag(&'a Tag),
}

impl fmt::Display for ManifestAt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(formatter),
            Self::Tag(tag) => tag.fmt(formatter),
        }
    }
}

/// A manifest exactly as the registry serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedManifest {
    /// Computed over `bytes`; where the manifest was asked for by digest, the two are equal.
    pub digest: Digest,
    pub media_type: Option<String>,
    pub bytes: Bytes,
}

/// The answer to a manifest's upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The registry put the manifest among its subject's referrers itself (`OCI-Subject` in the answer). Otherwise the
    /// client keeps the fallback index.
    pub subject_acknowledged: bool,
}

/// What came of a write that rests on what stood there before.
#[derive(Debug, Clone)]
pub enum Replaced {
    Stored(Pushed),
    /// Something else stands there by now: nothing was written.
    Changed,
    /// What stands there could not be read: nothing was written.
    Unread(RegistryError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    Mounted,
    /// The registry does not have the blob there, or does not mount: upload it.
    NotMounted,
}

/// What became of something that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Removed,
    /// It was not there.
    Absent,
}

/// What refers to a subject: the union of the registry's referrers API and the fallback index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referrers {
    /// Each digest once. A list's `artifactType` and annotations are hints; the manifest is the truth.
    pub descriptors: Vec<Descriptor>,
    /// The index under the fallback tag, where there is one.
    pub fallback: Option<FetchedManifest>,
    /// What stands under the fallback tag instead, where it certainly is no index of referrers: it lists none, and
    /// nothing is merged into it.
    pub misplaced: Option<NotReferrers>,
    /// The digests that the registry's own API gave (empty where it has none).
    pub from_api: Vec<Digest>,
}

impl Referrers {
    /// What only the fallback index lists.
    pub fn indexed(&self) -> impl Iterator<Item = &Descriptor> {
        self.descriptors
            .iter()
            .filter(|entry| !self.from_api.contains(&entry.digest))
    }
}

/// All registries of the world, addressed by repository, as they are read. An absence (`None`) is only ever what a registry that
/// understood the question said; everything else is an error.
pub trait Registry: Send + Sync + 'static {
    /// Whether the registry of this repository answers at all, and lets us ask.
    fn ping(&self, repository: &Repository) -> impl Future<Output = Result<(), RegistryError>> + Send;

    /// A manifest, its bytes hashed and held against the digest asked for.
    fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> impl Future<Output = Result<Option<FetchedManifest>, RegistryError>> + Send;

    /// The digest of what stands there, by HEAD; that a tag is not there is believed only of GET. Evidence that something
    /// stands there, no proof of its content.
    fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> impl Future<Output = Result<Option<Digest>, RegistryError>> + Send;

    /// Whether a blob is there, by HEAD.
    fn has_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<bool, RegistryError>> + Send;

    /// A blob's bytes; size and digest are checked on the way, the last item is an error where they differ.
    fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<Option<BlobStream>, RegistryError>> + Send;

    /// All tags, all pages; `None` where the registry does not know the repository.
    fn tags(&self, repository: &Repository) -> impl Future<Output = Result<Option<Vec<Tag>>, RegistryError>> + Send;

    fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> impl Future<Output = Result<Referrers, RegistryError>> + Send;
}

/// Registries that are written to, too. Whoever only looks is given a [`Registry`], and cannot write by its type.
pub trait WritableRegistry: Registry {
    /// Stores these bytes, unchanged.
    fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Pushed, RegistryError>> + Send;

    /// Stores these bytes under a tag that others write too, if what stands there still is `standing`. It is looked at right
    /// before the write: registries have no compare-and-swap, and who writes in between is overwritten.
    fn replace_manifest(
        &self,
        repository: &Repository,
        tag: &Tag,
        standing: Option<&FetchedManifest>,
        media_type: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Replaced, RegistryError>> + Send {
        async move {
            let at = ManifestAt::Tag(tag);
            match self.manifest(repository, at).await {
                Err(error) => Ok(Replaced::Unread(error)),
                Ok(now) if now.as_ref() != standing => Ok(Replaced::Changed),
                Ok(_) => self
                    .put_manifest(repository, at, media_type, bytes)
                    .await
                    .map(Replaced::Stored),
            }
        }
    }

    /// Uploads a blob whose size and digest the descriptor names.
    fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> impl Future<Output = Result<(), RegistryError>> + Send;

    /// Has the registry take the blob over from another of its repositories.
    fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<Mount, RegistryError>> + Send;

    /// Deletes a manifest, and with it every tag that stands on it. What the registry calls gone, or missing, and serves
    /// still, is an error that leaves the outcome open. Where the registry does not delete: an error of the kind
    /// [`super::ErrorKind::Unsupported`].
    fn delete_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<Removal, RegistryError>> + Send;

    /// Deletes a tag and leaves its manifest, and that one's other tags, where they are; likewise. Where the registry
    /// does not delete tags: an error of the kind [`super::ErrorKind::Unsupported`].
    fn delete_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> impl Future<Output = Result<Removal, RegistryError>> + Send;
}
