//! Registries in memory behind the trait that the real client implements: no I/O, deterministic, with faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::call::{Call, Place};
use super::damage::corrupted;
use super::faults::Listed;
use super::store::StoredBlob;
use super::{Failure, Fault, FaultPlan, Faults, Operation, Refusal, Service, Store, WriteKind};
use crate::model::{Descriptor, Digest, Limits, Manifest, ManifestKind, Registry, Repository, RepositoryPath, Tag};
use crate::registry::{
    self, BlobStream, ErrorKind, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, RegistryError, Removal,
};
use crate::sim::Seed;

/// How many bytes of a blob come at once: small, so that small blobs come in several pieces too.
const CHUNK: usize = 1024;

/// Every registry of a store, as landfall's client would show it. Clones share everything.
#[derive(Debug, Clone)]
pub struct MemoryRegistries {
    service: Service,
    faults: Faults,
    latency: Arc<Latencies>,
    limits: Limits,
}

/// The longest that things take; how long each takes is drawn. Meant for tokio's paused clock: nothing waits in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// The way to the registry, and the way back, each.
    pub request: Duration,
    /// Each piece of a blob, read or written.
    pub chunk: Duration,
}

#[derive(Debug, Clone, Default)]
struct Latencies {
    everywhere: Latency,
    registries: BTreeMap<Registry, Latency>,
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
    async fn arrive(&self, call: &Call<'_>) -> Result<Option<Fault>, RegistryError> {
        self.travel(call).await;
        self.faults.intrude(self.store(), call.repository);
        match self.faults.draw(&call.repository.registry, call.operation) {
            Some(Fault::Fails(failure)) => {
                self.service.count(&call.repository.registry, call.operation);
                Err(call.failed(failure))
            }
            other => Ok(other),
        }
    }

    /// The way back.
    async fn depart<T>(&self, call: &Call<'_>, fault: Option<Fault>, answer: T) -> Result<T, RegistryError> {
        self.travel(call).await;
        match fault {
            Some(Fault::FailsAfterEffect(failure)) => Err(call.failed(failure)),
            _ => Ok(answer),
        }
    }

    async fn travel(&self, call: &Call<'_>) {
        pause(&self.faults, self.latency.at(&call.repository.registry).request).await;
    }

    async fn delete(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<Removal, RegistryError> {
        let call = Call::to("DELETE", Operation::DeleteManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let removal = if fault == Some(Fault::LosesWrite) {
            let kind = match at {
                ManifestAt::Digest(digest) => WriteKind::DeleteManifest(*digest),
                ManifestAt::Tag(tag) => WriteKind::DeleteTag(tag.clone()),
            };
            self.service.lose(repository, call.operation, kind);
            Removal::Removed
        } else {
            match call.found(self.service.delete_manifest(repository, at))? {
                Some(()) => Removal::Removed,
                None => Removal::Absent,
            }
        };
        self.depart(&call, fault, removal).await
    }

    fn checked(
        &self,
        call: &Call<'_>,
        found: Result<(Digest, super::StoredManifest), Refusal>,
        fault: Option<Fault>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let Some((digest, manifest)) = call.found(found)? else {
            return Ok(None);
        };
        if fault == Some(Fault::BreaksOff) {
            return Err(call.failed(Failure::Interrupted));
        }
        if manifest.bytes.len() > self.limits.manifest {
            let message = format!(
                "{} bytes: at most {} are allowed",
                manifest.bytes.len(),
                self.limits.manifest
            );
            return Err(call.error(ErrorKind::TooLarge, Some(200), message));
        }
        let StoredBlob { bytes, computed } = match fault {
            Some(Fault::WrongBytes) => StoredBlob::new(corrupted(&manifest.bytes)),
            _ => StoredBlob {
                bytes: manifest.bytes,
                computed: manifest.computed,
            },
        };
        if computed != digest {
            return Err(call.mismatch(&digest, &computed));
        }
        Ok(Some(FetchedManifest {
            digest,
            media_type: Some(manifest.media_type),
            bytes,
        }))
    }

    /// The index under the fallback tag, and its entries.
    async fn fallback(
        &self,
        repository: &Repository,
        subject: &Digest,
        fault: Option<Fault>,
    ) -> Result<Option<(FetchedManifest, Vec<Descriptor>)>, RegistryError> {
        let tag = Tag::referrers_of(subject);
        let at = ManifestAt::Tag(&tag);
        let call = Call::to("GET", Operation::ReadManifest, repository, Place::Manifest(at));
        let struck = self.arrive(&call).await?;
        let fetched = self.checked(&call, self.service.manifest(repository, at), struck)?;
        let malformed = |message: String| call.error(ErrorKind::Malformed, Some(200), message);
        let fetched = self.depart(&call, struck, fetched).await?;
        let Some(fetched) = fetched else {
            return Ok(None);
        };
        if fault == Some(Fault::MalformedFallback) {
            return Err(malformed("the referrers index cannot be read".to_owned()));
        }
        let index = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), &self.limits)
            .map_err(|error| malformed(error.to_string()))?;
        if index.kind != ManifestKind::Index {
            return Err(malformed("what stands under the fallback tag is no index".to_owned()));
        }
        Ok(Some((fetched, index.manifests)))
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
        let call = Call::to("GET", Operation::ReadManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let answer = self.checked(&call, self.service.manifest(repository, at), fault)?;
        self.depart(&call, fault, answer).await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        let call = Call::to("HEAD", Operation::HeadManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let found = call
            .found(self.service.head_manifest(repository, at))?
            .map(|head| head.digest);
        let answer = match (fault, at, found) {
            (Some(Fault::FalsePresence), ManifestAt::Digest(wanted), None) => Some(*wanted),
            (Some(Fault::FalsePresence), ManifestAt::Tag(_), None) => Some(self.faults.stray_digest()),
            (Some(Fault::WrongDigest), ManifestAt::Digest(wanted), Some(_)) => {
                return Err(call.mismatch(wanted, &self.faults.stray_digest()));
            }
            (Some(Fault::WrongDigest), ManifestAt::Tag(_), Some(_)) => Some(self.faults.stray_digest()),
            _ => found,
        };
        self.depart(&call, fault, answer).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        let call = Call::to("PUT", Operation::WriteManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let tag = match at {
            ManifestAt::Tag(tag) => Some(tag.clone()),
            ManifestAt::Digest(_) => None,
        };
        let subject_acknowledged = if fault == Some(Fault::LosesWrite) {
            let digest = Digest::of(&bytes);
            self.service
                .lose(repository, call.operation, WriteKind::Manifest { digest, tag });
            let behaviour = self.store().behaviour(&repository.registry);
            behaviour.referrers_api && behaviour.acknowledges_subject
        } else {
            let accepted = self.service.put_manifest(repository, at, media_type, bytes);
            let accepted = accepted.map_err(|refusal| call.refused(&refusal))?;
            if let Some(Fault::ListsLate(after)) = fault {
                self.faults.unlist(repository, Listed::Referrer(accepted.digest), after);
                if let Some(tag) = tag {
                    self.faults.unlist(repository, Listed::Tag(tag), after);
                }
            }
            accepted.subject.is_some()
        };
        self.depart(&call, fault, Pushed { subject_acknowledged }).await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        let call = Call::to("HEAD", Operation::HeadBlob, repository, Place::Blob(&blob.digest));
        let fault = self.arrive(&call).await?;
        let found = self.service.head_blob(repository, &blob.digest).is_some();
        self.depart(&call, fault, found || fault == Some(Fault::FalsePresence))
            .await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        let call = Call::to("GET", Operation::ReadBlob, repository, Place::Blob(&blob.digest));
        let fault = self.arrive(&call).await?;
        let answer = self.service.blob(repository, &blob.digest).map(|stored| {
            let StoredBlob { bytes, computed } = match fault {
                Some(Fault::WrongBytes) => StoredBlob::new(corrupted(&stored.bytes)),
                _ => stored,
            };
            let end = if fault == Some(Fault::BreaksOff) {
                Some(call.failed(Failure::Interrupted))
            } else {
                let sound = computed == blob.digest && bytes.len() as u64 == blob.size;
                (!sound).then(|| call.mismatch(&blob.digest, &computed))
            };
            let sent = if fault == Some(Fault::BreaksOff) {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            let latency = self.latency.at(&repository.registry).chunk;
            pieces(bytes.slice(..sent), end, self.faults.clone(), latency)
        });
        self.depart(&call, fault, answer).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        mut content: BlobStream,
    ) -> Result<(), RegistryError> {
        let call = Call::to("PUT", Operation::WriteBlob, repository, Place::Uploads);
        let fault = self.arrive(&call).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = content.next().await {
            let broken = |error: RegistryError| {
                call.error(
                    ErrorKind::Interrupted,
                    None,
                    format!("the content to send ended early: {error}"),
                )
            };
            bytes.extend_from_slice(&piece.map_err(broken)?);
            pause(&self.faults, self.latency.at(&repository.registry).chunk).await;
        }
        if bytes.len() as u64 != blob.size {
            let message = format!("{} bytes were to be sent, {} came", blob.size, bytes.len());
            return Err(call.error(ErrorKind::Interrupted, None, message));
        }
        if fault == Some(Fault::LosesWrite) {
            self.service
                .lose(repository, call.operation, WriteKind::Blob(blob.digest));
        } else {
            let stored = self.service.put_blob(repository, &blob.digest, bytes.into());
            stored.map_err(|refusal| call.refused(&refusal))?;
        }
        self.depart(&call, fault, ()).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        let call = Call::to("POST", Operation::MountBlob, repository, Place::Uploads);
        let fault = self.arrive(&call).await?;
        let mounted = if fault == Some(Fault::LosesWrite) {
            let kind = WriteKind::Mount {
                digest: blob.digest,
                from: from.clone(),
            };
            self.service.lose(repository, call.operation, kind);
            true
        } else {
            self.service.mount_blob(repository, from, &blob.digest)
        };
        self.depart(&call, fault, if mounted { Mount::Mounted } else { Mount::NotMounted })
            .await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        let call = Call::to("GET", Operation::ListTags, repository, Place::Tags);
        let mut tags: Vec<Tag> = Vec::new();
        loop {
            let fault = self.arrive(&call).await?;
            let page = self.service.tags(repository, tags.last().map(Tag::as_str), None);
            let Some((page, more)) = call.found(page)? else {
                return self.depart(&call, fault, None).await;
            };
            if fault == Some(Fault::BreaksOff) {
                return Err(call.failed(Failure::Interrupted));
            }
            let page = self.depart(&call, fault, page).await?;
            tags.extend(page);
            if tags.len() > self.limits.tags {
                let message = format!("more than {} tags", self.limits.tags);
                return Err(call.error(ErrorKind::TooLarge, Some(200), message));
            }
            if !more {
                break;
            }
        }
        tags.retain(|tag| !self.faults.is_unlisted(repository, Listed::Tag(tag.clone())));
        Ok(Some(tags))
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        let call = Call::to("GET", Operation::ListReferrers, repository, Place::Referrers(subject));
        let fault = self.arrive(&call).await?;
        let mut descriptors = call
            .found(self.service.referrers(repository, subject))?
            .unwrap_or_default();
        if fault == Some(Fault::BreaksOff) {
            return Err(call.failed(Failure::Interrupted));
        }
        descriptors.retain(|found| !self.faults.is_unlisted(repository, Listed::Referrer(found.digest)));
        let mut descriptors = self.depart(&call, fault, descriptors).await?;
        let from_api: Vec<Digest> = descriptors.iter().map(|found| found.digest).collect();
        let mut fallback = None;
        if let Some((index, entries)) = self.fallback(repository, subject, fault).await? {
            fallback = Some(index);
            for entry in entries {
                if descriptors.iter().all(|found| found.digest != entry.digest) {
                    descriptors.push(entry);
                }
            }
        }
        Ok(Referrers {
            descriptors,
            fallback,
            from_api,
        })
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.delete(repository, ManifestAt::Digest(digest)).await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.delete(repository, ManifestAt::Tag(tag)).await
    }
}

impl Latencies {
    fn at(&self, registry: &Registry) -> Latency {
        self.registries.get(registry).copied().unwrap_or(self.everywhere)
    }
}

/// Lets virtual time pass, or at least others run.
async fn pause(faults: &Faults, longest: Duration) {
    if longest.is_zero() {
        for _ in 0..faults.turns() {
            tokio::task::yield_now().await;
        }
    } else {
        tokio::time::sleep(faults.delay(longest)).await;
    }
}

/// The bytes piece by piece, and the error that ends them.
fn pieces(bytes: Bytes, end: Option<RegistryError>, faults: Faults, latency: Duration) -> BlobStream {
    let next = move |(mut rest, end): (Bytes, Option<RegistryError>)| {
        let faults = faults.clone();
        async move {
            pause(&faults, latency).await;
            if rest.is_empty() {
                return end.map(|error| (Err(error), (rest, None)));
            }
            let piece = rest.split_to(CHUNK.min(rest.len()));
            Some((Ok(piece), (rest, end)))
        }
    };
    stream::unfold((bytes, end), next).boxed()
}

#[cfg(test)]
mod tests;
