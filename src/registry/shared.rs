//! A handle on a registry is one.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use super::error::RegistryError;
use super::protocol::{BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry};
use crate::model::{Descriptor, Digest, Repository, RepositoryPath, Tag};

impl<R: Registry> Registry for Arc<R> {
    fn ping(&self, repository: &Repository) -> impl Future<Output = Result<(), RegistryError>> + Send {
        (**self).ping(repository)
    }

    fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> impl Future<Output = Result<Option<FetchedManifest>, RegistryError>> + Send {
        (**self).manifest(repository, at)
    }

    fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> impl Future<Output = Result<Option<Digest>, RegistryError>> + Send {
        (**self).head_manifest(repository, at)
    }

    fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Pushed, RegistryError>> + Send {
        (**self).put_manifest(repository, at, media_type, bytes)
    }

    fn has_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<bool, RegistryError>> + Send {
        (**self).has_blob(repository, blob)
    }

    fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<Option<BlobStream>, RegistryError>> + Send {
        (**self).blob(repository, blob)
    }

    fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> impl Future<Output = Result<(), RegistryError>> + Send {
        (**self).put_blob(repository, blob, content)
    }

    fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> impl Future<Output = Result<Mount, RegistryError>> + Send {
        (**self).mount_blob(repository, from, blob)
    }

    fn tags(&self, repository: &Repository) -> impl Future<Output = Result<Option<Vec<Tag>>, RegistryError>> + Send {
        (**self).tags(repository)
    }

    fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> impl Future<Output = Result<Referrers, RegistryError>> + Send {
        (**self).referrers(repository, subject)
    }
}
