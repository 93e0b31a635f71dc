//! Every registry of a store behind one trait.

use std::sync::Arc;

use bytes::Bytes;

use super::latency::{Latencies, Latency, pause};
use crate::model::{Descriptor, Digest, Limits, Registry, Repository, RepositoryPath, Tag};
use crate::registry::{
    self, BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, RegistryError, Removal,
};
use crate::sim::Seed;
use crate::sim::registry::call::{Call, Place};
use crate::sim::registry::{Fault, FaultPlan, Faults, Operation, Service, Store};

/// Every registry of a store, as landfall's client would show it. Clones share everything.
#[derive(Debug, Clone)]
pub struct MemoryRegistries {
    pub(super) service: Service,
    pub(super) faults: Faults,
    pub(super) latency: Arc<Latencies>,
    pub(super) limits: Limits,
}

impl MemoryRegistries {
    /// Without faults and latency; requests still yield, as real ones would.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::seeded(store, Seed(0), FaultPlan::default())
    }

    #[must_use]
    pub fn seeded(store: Store, seed: Seed, plan: FaultPlan) -> Self {
        Self {
            service: Service::new(store),
            faults: Faults::new(seed, plan),
            latency: Arc::default(),
            limits: Limits::default(),
        }
    }

    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        Arc::make_mut(&mut self.latency).everywhere = latency;
        self
    }

    #[must_use]
    pub fn with_latency_at(mut self, registry: &Registry, latency: Latency) -> Self {
        Arc::make_mut(&mut self.latency)
            .registries
            .insert(registry.clone(), latency);
        self
    }

    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        self.service.store()
    }

    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The way to the registry. Gives the fault to carry out there.
    pub(super) async fn arrive(&self, call: &Call<'_>) -> Result<Option<Fault>, RegistryError> {
        self.travel(call).await;
        self.faults.intrude(self.store(), call.repository);
        match self.faults.draw(&call.repository.registry, call.operation) {
            Some(Fault::Fails(failure)) => {
                self.service.count(&call.repository.registry, call.operation);
                Err(call.failed(failure))
            }
            Some(Fault::Slow(longest)) => {
                tokio::time::sleep(self.faults.delay(longest)).await;
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// The way back.
    pub(super) async fn depart<T>(&self, call: &Call<'_>, fault: Option<Fault>, answer: T) -> Result<T, RegistryError> {
        self.travel(call).await;
        match fault {
            Some(Fault::FailsAfterEffect(failure)) => Err(call.failed(failure)),
            _ => Ok(answer),
        }
    }

    async fn travel(&self, call: &Call<'_>) {
        pause(&self.faults, self.latency.at(&call.repository.registry).request).await;
    }
}

impl registry::Registry for MemoryRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        let call = Call::to("GET", Operation::Ping, repository, Place::Base);
        let fault = self.arrive(&call).await?;
        self.service.ping(&repository.registry);
        self.depart(&call, fault, ()).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        self.get_manifest(repository, at).await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        self.manifest_digest(repository, at).await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.head_blob(repository, blob).await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.open_blob(repository, blob).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.list_tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.list_referrers(repository, subject).await
    }
}

impl registry::WritableRegistry for MemoryRegistries {
    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        self.push_manifest(repository, at, media_type, bytes).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        self.upload(repository, blob, content).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        self.mount(repository, from, blob).await
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.remove(repository, ManifestAt::Digest(digest)).await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.remove(repository, ManifestAt::Tag(tag)).await
    }
}
