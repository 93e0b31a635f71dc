//! Blobs: uploaded whole, mounted, read, deleted.

use bytes::Bytes;

use super::Service;
use super::refusals::digest_differs;
use crate::model::{Digest, Repository, RepositoryPath};
use crate::sim::registry::{Operation, Refusal, RefusalCode, StoredBlob, WriteKind, Writer};

impl Service {
    /// The size in bytes of a blob that can be read in this repository.
    #[must_use]
    pub fn head_blob(&self, repository: &Repository, digest: &Digest) -> Option<usize> {
        self.count(&repository.registry, Operation::HeadBlob);
        self.store.stored_blob(repository, digest).map(|blob| blob.bytes.len())
    }

    #[must_use]
    pub fn blob(&self, repository: &Repository, digest: &Digest) -> Option<StoredBlob> {
        self.count(&repository.registry, Operation::ReadBlob);
        self.store.stored_blob(repository, digest)
    }

    /// # Errors
    /// `DIGEST_INVALID`.
    pub fn put_blob(&self, repository: &Repository, digest: &Digest, bytes: Bytes) -> Result<(), Refusal> {
        self.count(&repository.registry, Operation::WriteBlob);
        let blob = StoredBlob::new(bytes);
        if blob.computed != *digest {
            return Err(digest_differs(digest, &blob.computed));
        }
        let mut state = self.store.lock();
        let changed = state.link_blob(repository, *digest, blob);
        state.record(Writer::Client, repository, WriteKind::Blob(*digest), changed);
        Ok(())
    }

    /// False where the registry does not mount or the blob is not there: the client has to upload it.
    #[must_use]
    pub fn mount_blob(&self, repository: &Repository, from: &RepositoryPath, digest: &Digest) -> bool {
        self.count(&repository.registry, Operation::MountBlob);
        let mut state = self.store.lock();
        if !state.registry(&repository.registry).behaviour.mounts {
            return false;
        }
        let source = Repository::new(repository.registry.clone(), from.clone());
        let Some(blob) = state.blob(&source, digest).cloned() else {
            return false;
        };
        let changed = state.link_blob(repository, *digest, blob);
        let kind = WriteKind::Mount {
            digest: *digest,
            from: from.clone(),
        };
        state.record(Writer::Client, repository, kind, changed);
        true
    }

    /// # Errors
    /// `BLOB_UNKNOWN`.
    pub fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<(), Refusal> {
        self.count(&repository.registry, Operation::DeleteBlob);
        let mut state = self.store.lock();
        if !state.unlink_blob(repository, digest) {
            return Err(Refusal::new(
                RefusalCode::BlobUnknown,
                format!("{digest} is not in this repository"),
            ));
        }
        state.record(Writer::Client, repository, WriteKind::DeleteBlob(*digest), true);
        Ok(())
    }
}
