//! All registries of the world.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tracing::{Instrument as _, Span, debug_span};

use super::access::{Access, Mode};
use super::auth::Authenticator;
use super::chunking::Chunking;
use super::error::RegistryError;
use super::options::{OptionsError, RegistryOptions, Settings};
use super::protocol::{
    BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry, Removal, Replaced, WritableRegistry,
};
use super::sessions::UploadSessions;
use crate::http::HttpClient;
use crate::model::{Descriptor, Digest, Limits, Repository, RepositoryPath, Tag};

/// Registries over HTTP, each found by the repository's own name.
#[derive(Clone)]
pub struct HttpRegistries {
    pub(super) http: Arc<HttpClient>,
    pub(super) auth: Arc<Authenticator>,
    pub(super) sessions: Arc<UploadSessions>,
    pub(super) chunking: Arc<Chunking>,
    pub(super) limits: Limits,
    pub(super) settings: Arc<Settings>,
}

impl HttpRegistries {
    /// # Errors
    /// Two settings for one prefix, or certificates that cannot be read.
    pub fn new(options: RegistryOptions) -> Result<Self, OptionsError> {
        let mut http = HttpClient::new(options.client);
        let settings = Settings::new(options.prefixes, options.stored.as_ref(), &options.budgets, &mut http)?;
        Ok(Self {
            http: Arc::new(http),
            settings: Arc::new(settings),
            auth: Arc::default(),
            sessions: Arc::default(),
            chunking: Arc::default(),
            limits: options.limits,
        })
    }

    pub(super) fn access<'a>(&'a self, repository: &'a Repository, mode: Mode) -> Result<Access<'a>, RegistryError> {
        Access::new(repository, self.settings.of(repository), mode, &self.limits)
    }
}

impl fmt::Debug for HttpRegistries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpRegistries")
            .field("http", &self.http)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn span(operation: &'static str, repository: &Repository) -> Span {
    debug_span!("registry", operation, registry = %repository.registry, repository = %repository)
}

impl Registry for HttpRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        self.answers(repository).instrument(span("ping", repository)).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        self.get_manifest(repository, at)
            .instrument(span("manifest", repository))
            .await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        self.manifest_digest(repository, at)
            .instrument(span("head manifest", repository))
            .await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.head_blob(repository, blob)
            .instrument(span("head blob", repository))
            .await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.open_blob(repository, blob)
            .instrument(span("blob", repository))
            .await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.list_tags(repository).instrument(span("tags", repository)).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.list_referrers(repository, subject)
            .instrument(span("referrers", repository))
            .await
    }
}

impl WritableRegistry for HttpRegistries {
    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        self.push_manifest(repository, at, media_type, bytes)
            .instrument(span("put manifest", repository))
            .await
    }

    async fn replace_manifest(
        &self,
        repository: &Repository,
        tag: &Tag,
        standing: Option<&FetchedManifest>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Replaced, RegistryError> {
        self.replace_shared(repository, tag, standing, media_type, bytes)
            .instrument(span("replace manifest", repository))
            .await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        self.upload(repository, blob, content)
            .instrument(span("put blob", repository))
            .await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        self.mount(repository, from, blob)
            .instrument(span("mount blob", repository))
            .await
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.remove_manifest_for_good(repository, digest)
            .instrument(span("delete manifest", repository))
            .await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.remove_tag_for_good(repository, tag)
            .instrument(span("delete tag", repository))
            .await
    }
}
