//! Blobs of registries in memory.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::MemoryRegistries;
use super::latency::pause;
use crate::model::{Descriptor, Repository, RepositoryPath};
use crate::registry::{BlobStream, ErrorKind, Mount, RegistryError};
use crate::sim::registry::call::{Call, Place};
use crate::sim::registry::damage::corrupted;
use crate::sim::registry::{Failure, Fault, Faults, Operation, Refusal, RefusalCode, StoredBlob, WriteKind};

/// How many bytes of a blob come at once: small, so that small blobs come in several pieces too.
const CHUNK: usize = 1024;

impl MemoryRegistries {
    pub(super) async fn head_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        let call = Call::to("HEAD", Operation::HeadBlob, repository, Place::Blob(&blob.digest));
        let fault = self.arrive(&call).await?;
        let found = self.service.head_blob(repository, &blob.digest);
        let found = call.seen(found, fault)?.is_some();
        if found && fault == Some(Fault::WrongSize) {
            let message = format!("the registry's blob has 0 bytes, not {}", blob.size);
            return Err(call.error(ErrorKind::DigestMismatch, Some(200), message));
        }
        self.depart(&call, fault, found || fault == Some(Fault::FalsePresence))
            .await
    }

    pub(super) async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<Option<BlobStream>, RegistryError> {
        let call = Call::to("GET", Operation::ReadBlob, repository, Place::Blob(&blob.digest));
        let fault = self.arrive(&call).await?;
        let found = call.seen(self.service.blob(repository, &blob.digest), fault)?;
        let answer = found.map(|stored| {
            let StoredBlob { bytes, computed } = match fault {
                Some(Fault::WrongBytes) => StoredBlob::new(corrupted(&stored.bytes)),
                Some(Fault::Truncated) => StoredBlob::new(stored.bytes.slice(..stored.bytes.len() / 2)),
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

    pub(super) async fn upload(
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
        if fault == Some(Fault::UploadLost) {
            let refusal = Refusal::new(RefusalCode::BlobUploadUnknown, "this upload is not known");
            return Err(call.refused(&refusal));
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

    pub(super) async fn mount(
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
            fault != Some(Fault::MountDeclined) && self.service.mount_blob(repository, from, &blob.digest)
        };
        self.depart(&call, fault, if mounted { Mount::Mounted } else { Mount::NotMounted })
            .await
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
