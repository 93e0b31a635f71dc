//! The guard between landfall and its registries: what the configuration does not allow is not sent.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Config, Operation, Refusal};
use crate::model::{Capability, Descriptor, Digest, Prefix, Repository, RepositoryPath, Tag};
use crate::registry::{
    BlobStream, Catalog, ErrorKind, FetchedManifest, HttpRegistries, ManifestAt, Mount, Pushed, Referrers, Registry,
    RegistryError, Removal, Replaced, WritableRegistry,
};

/// Registries over HTTP, as far as `allow-reads` and `allow-writes` let this process touch them.
#[derive(Clone)]
pub struct AllowedRegistries {
    pub(super) registries: Arc<HttpRegistries>,
    pub(super) config: Arc<Config>,
}

impl AllowedRegistries {
    /// The repositories that the registry lists below a prefix.
    ///
    /// # Errors
    /// As [`HttpRegistries::catalog`]; and where `allow-reads` does not cover the prefix.
    pub async fn catalog(&self, prefix: &Prefix) -> Result<Catalog, RegistryError> {
        let registries = self.for_listing(prefix)?;
        let settings = self.config.registry_below(prefix);
        if settings.is_some_and(|settings| settings.is_declared_unable(Capability::Catalog)) {
            return Err(declared_unable(Capability::Catalog, "GET", prefix));
        }
        registries.catalog(prefix).await
    }

    /// The registry itself, for reading this repository.
    ///
    /// # Errors
    /// Where `allow-reads` does not cover it.
    pub fn for_reading(&self, repository: &Repository) -> Result<&HttpRegistries, RegistryError> {
        self.allowed(repository, "GET")?;
        Ok(&self.registries)
    }

    /// The registry itself, for writing to this repository.
    ///
    /// # Errors
    /// Where `allow-writes` does not cover it.
    pub fn for_writing(&self, repository: &Repository) -> Result<&HttpRegistries, RegistryError> {
        self.allowed(repository, "PUT")?;
        Ok(&self.registries)
    }

    /// The registry itself, for reading which repositories stand below a prefix.
    ///
    /// # Errors
    /// Where neither `allow-reads` nor `allow-writes` meets it.
    pub fn for_listing(&self, prefix: &Prefix) -> Result<&HttpRegistries, RegistryError> {
        self.config
            .may_list(prefix)
            .map_err(|refusal| not_allowed(&refusal, "GET", prefix))?;
        Ok(&self.registries)
    }

    /// Whether the configuration says that the registry cannot do this.
    fn is_declared_unable(&self, repository: &Repository, capability: Capability) -> bool {
        self.config
            .registry(repository)
            .is_some_and(|settings| settings.is_declared_unable(capability))
    }

    /// Refuses what the configuration says that the registry cannot do.
    fn declared_able(
        &self,
        repository: &Repository,
        capability: Capability,
        method: &'static str,
    ) -> Result<(), RegistryError> {
        if self.is_declared_unable(repository, capability) {
            return Err(declared_unable(capability, method, repository));
        }
        Ok(())
    }

    fn allowed(&self, repository: &Repository, method: &'static str) -> Result<(), RegistryError> {
        let decision = match method {
            "GET" | "HEAD" => self.config.may_read(repository),
            _ => self.config.may_write(repository),
        };
        decision.map_err(|refusal| not_allowed(&refusal, method, repository))
    }
}

fn declared_unable(capability: Capability, method: &'static str, place: &impl ToString) -> RegistryError {
    RegistryError {
        kind: ErrorKind::Unsupported,
        method,
        url: place.to_string(),
        status: None,
        code: None,
        message: format!("not asked: the configuration declares `{capability} = false`"),
        retry_after: None,
    }
}

fn not_allowed(refusal: &Refusal, method: &'static str, place: &impl ToString) -> RegistryError {
    RegistryError {
        kind: ErrorKind::NotAllowed,
        method,
        url: place.to_string(),
        status: None,
        code: None,
        message: match refusal.operation {
            Operation::Read => format!("{refusal}; {}", refusal.remedy()),
            // What a plan writes to is told beforehand, with one line for all of it.
            Operation::Write => refusal.to_string(),
        },
        retry_after: None,
    }
}

impl Registry for AllowedRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.ping(repository).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.manifest(repository, at).await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        self.allowed(repository, "HEAD")?;
        self.registries.head_manifest(repository, at).await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.allowed(repository, "HEAD")?;
        self.registries.has_blob(repository, blob).await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.blob(repository, blob).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.referrers(repository, subject).await
    }
}

impl WritableRegistry for AllowedRegistries {
    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        self.allowed(repository, "PUT")?;
        self.registries.put_manifest(repository, at, media_type, bytes).await
    }

    async fn replace_manifest(
        &self,
        repository: &Repository,
        tag: &Tag,
        standing: Option<&FetchedManifest>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Replaced, RegistryError> {
        self.allowed(repository, "PUT")?;
        self.registries
            .replace_manifest(repository, tag, standing, media_type, bytes)
            .await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        self.allowed(repository, "PUT")?;
        self.registries.put_blob(repository, blob, content).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        self.allowed(repository, "POST")?;
        self.allowed(&Repository::new(repository.registry.clone(), from.clone()), "GET")?;
        if self.is_declared_unable(repository, Capability::Mount) {
            return Ok(Mount::NotMounted);
        }
        self.registries.mount_blob(repository, from, blob).await
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.allowed(repository, "DELETE")?;
        self.declared_able(repository, Capability::ManifestDeletion, "DELETE")?;
        self.registries.delete_manifest(repository, digest).await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.allowed(repository, "DELETE")?;
        self.declared_able(repository, Capability::TagDeletion, "DELETE")?;
        self.registries.delete_tag(repository, tag).await
    }
}

#[cfg(test)]
mod tests;
