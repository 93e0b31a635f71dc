//! Counts what is asked of registries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Descriptor, Digest, Repository, Tag};
use crate::registry::{BlobStream, FetchedManifest, ManifestAt, Referrers, Registry, RegistryError};

/// The same registries, each request counted. A list of referrers counts twice, for it comes from the API and from the
/// fallback tag; a list of tags counts once, for nobody knows its pages before. What is counted can only be read: looking
/// changes nothing, and this is no writable registry.
#[derive(Debug, Clone)]
pub(super) struct Counted<R> {
    registry: R,
    requests: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub fn new(registry: R) -> Self {
        Self {
            registry,
            requests: Arc::default(),
        }
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self, requests: u64) -> &R {
        self.requests.fetch_add(requests, Ordering::Relaxed);
        &self.registry
    }
}

impl<R: Registry> Registry for Counted<R> {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        self.count(1).ping(repository).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        self.count(1).manifest(repository, at).await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        let found = self.count(1).head_manifest(repository, at).await?;
        if found.is_none() && matches!(at, ManifestAt::Tag(_)) {
            // GET had to say so too.
            self.count(1);
        }
        Ok(found)
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.count(1).has_blob(repository, blob).await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.count(1).blob(repository, blob).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.count(1).tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.count(2).referrers(repository, subject).await
    }
}
