//! Counts what is asked of registries, and writes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::model::{Descriptor, Digest, Repository, RepositoryPath, Tag};
use crate::registry::{
    BlobStream, ErrorKind, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry, RegistryError, Removal,
};

/// The same registries, each request counted. A list of referrers counts twice, for it comes from the API and from the
/// fallback tag; a list of tags counts once, for nobody knows its pages before. Writes are refused: looking changes
/// nothing.
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

fn refused(method: &'static str, repository: &Repository) -> RegistryError {
    RegistryError {
        kind: ErrorKind::NotAllowed,
        method,
        url: repository.to_string(),
        status: None,
        code: None,
        message: "nothing is written while registries are looked at".to_owned(),
        retry_after: None,
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

    async fn put_manifest(
        &self,
        repository: &Repository,
        _at: ManifestAt<'_>,
        _media_type: &str,
        _bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        Err(refused("PUT", repository))
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.count(1).has_blob(repository, blob).await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.count(1).blob(repository, blob).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        _blob: &Descriptor,
        _content: BlobStream,
    ) -> Result<(), RegistryError> {
        Err(refused("PUT", repository))
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        _from: &RepositoryPath,
        _blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        Err(refused("POST", repository))
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.count(1).tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.count(2).referrers(repository, subject).await
    }

    async fn delete_manifest(&self, repository: &Repository, _digest: &Digest) -> Result<Removal, RegistryError> {
        Err(refused("DELETE", repository))
    }

    async fn delete_tag(&self, repository: &Repository, _tag: &Tag) -> Result<Removal, RegistryError> {
        Err(refused("DELETE", repository))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::media_type;
    use crate::sim::registry::{MemoryRegistries, Store};

    #[tokio::test]
    async fn nothing_is_written_while_looking() {
        let store = Store::new();
        let counted = Counted::new(MemoryRegistries::new(store.clone()));
        let here: Repository = "one.test/app".parse().unwrap();
        let bytes = Bytes::from_static(b"{}");
        let digest = Digest::of(&bytes);
        let error = counted
            .put_manifest(&here, ManifestAt::Digest(&digest), media_type::OCI_MANIFEST, bytes)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotAllowed);
        let blob = Descriptor::of(media_type::OCI_EMPTY, b"{}");
        assert!(counted.mount_blob(&here, &here.path, &blob).await.is_err());
        assert_eq!((store.writes(), counted.requests()), (Vec::new(), 0));
    }
}
