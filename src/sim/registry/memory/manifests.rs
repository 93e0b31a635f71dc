//! Manifests of registries in memory.

use bytes::Bytes;

use super::MemoryRegistries;
use crate::model::{Digest, Repository};
use crate::registry::{ErrorKind, FetchedManifest, ManifestAt, Pushed, RegistryError, Removal};
use crate::sim::registry::call::{Call, Place};
use crate::sim::registry::damage::corrupted;
use crate::sim::registry::faults::Listed;
use crate::sim::registry::{Failure, Fault, Operation, Refusal, StoredBlob, StoredManifest, WriteKind};

impl MemoryRegistries {
    pub(super) async fn get_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let call = Call::to("GET", Operation::ReadManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let answer = self.checked(&call, self.service.manifest(repository, at), fault)?;
        self.depart(&call, fault, answer).await
    }

    pub(super) async fn manifest_digest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        let call = Call::to("HEAD", Operation::HeadManifest, repository, Place::Manifest(at));
        let fault = self.arrive(&call).await?;
        let found = call
            .found(self.service.head_manifest(repository, at))?
            .map(|head| head.digest);
        let found = call.seen(found, fault)?;
        if found.is_none() && matches!(at, ManifestAt::Tag(_)) && fault != Some(Fault::FalsePresence) {
            // As the client does.
            let found = self.depart(&call, fault, None::<Digest>).await?;
            debug_assert!(found.is_none());
            return Ok(self.get_manifest(repository, at).await?.map(|manifest| manifest.digest));
        }
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

    pub(super) async fn push_manifest(
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
            if fault == Some(Fault::WrongDigest) {
                return Err(call.mismatch(&accepted.digest, &self.faults.stray_digest()));
            }
            accepted.subject.is_some()
        };
        self.depart(&call, fault, Pushed { subject_acknowledged }).await
    }

    pub(super) async fn remove(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<Removal, RegistryError> {
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

    pub(super) fn checked(
        &self,
        call: &Call<'_>,
        found: Result<(Digest, StoredManifest), Refusal>,
        fault: Option<Fault>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let Some((digest, manifest)) = call.seen(call.found(found)?, fault)? else {
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
            Some(Fault::Truncated) => StoredBlob::new(manifest.bytes.slice(..manifest.bytes.len() / 2)),
            Some(Fault::WrongDigest) => return Err(call.mismatch(&digest, &self.faults.stray_digest())),
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
}
