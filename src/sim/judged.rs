//! Registries that have each write judged before it happens.

use std::sync::Arc;

use bytes::Bytes;

use super::registry::MemoryRegistries;
use super::rules::Rules;
use crate::model::{Descriptor, Digest, Repository, RepositoryPath, Tag};
use crate::registry::{
    BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry, RegistryError, Removal,
    WritableRegistry,
};

#[derive(Clone)]
pub struct JudgedRegistries {
    inner: MemoryRegistries,
    rules: Arc<Rules>,
}

impl JudgedRegistries {
    #[must_use]
    pub fn new(inner: MemoryRegistries, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl Registry for JudgedRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        self.inner.ping(repository).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let answer = self.inner.manifest(repository, at).await?;
        if let ManifestAt::Tag(tag) = at {
            let found = answer.as_ref().map(|manifest| &manifest.bytes);
            self.rules.manifest_read(repository, tag, found);
        }
        Ok(answer)
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        self.inner.head_manifest(repository, at).await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        let found = self.inner.has_blob(repository, blob).await?;
        if found {
            self.rules.blob_seen(self.inner.store(), repository, &blob.digest);
        }
        Ok(found)
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.inner.blob(repository, blob).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.inner.tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.inner.referrers(repository, subject).await
    }
}

impl WritableRegistry for JudgedRegistries {
    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        let tag = match at {
            ManifestAt::Tag(tag) => Some(tag),
            ManifestAt::Digest(_) => None,
        };
        self.rules.check_manifest(self.inner.store(), repository, tag, &bytes);
        self.inner.put_manifest(repository, at, media_type, bytes).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        self.rules.check_blob(repository);
        self.inner.put_blob(repository, blob, content).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        self.rules.check_blob(repository);
        self.inner.mount_blob(repository, from, blob).await
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.rules.check_deletion(self.inner.store(), repository, digest);
        self.inner.delete_manifest(repository, digest).await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.inner.delete_tag(repository, tag).await
    }
}
