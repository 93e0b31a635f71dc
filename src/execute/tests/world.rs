//! A world that can stop at any of its await points.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::memory::StateInMemory;
use crate::execute::{Clock, World};
use crate::model::{Descriptor, Digest, Repository, RepositoryPath, Signer, Tag};
use crate::registry::{
    BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry, RegistryError, Removal,
    WritableRegistry,
};
use crate::signing::{Signers, SigningError};
use crate::sim::registry::{MemoryRegistries, Store};
use crate::trust::PrivateKey;

/// Counts await points, and stays at one of them for ever.
#[derive(Debug, Default)]
pub struct Points {
    passed: AtomicUsize,
    /// 0: never.
    last: AtomicUsize,
    pub reached: Notify,
}

impl Points {
    async fn pass(&self) {
        let passed = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let last = self.last.load(Ordering::SeqCst);
        if last != 0 && passed >= last {
            self.reached.notify_one();
            pending::<()>().await;
        }
    }

    pub fn stay_at(&self, point: usize) {
        self.passed.store(0, Ordering::SeqCst);
        self.last.store(point, Ordering::SeqCst);
    }
}

/// Called with each manifest that is about to be written.
pub type BeforePut = Box<dyn FnMut(&Store, &Repository, ManifestAt<'_>) + Send>;

#[derive(Clone)]
pub struct TestRegistries {
    pub inner: MemoryRegistries,
    pub points: Arc<Points>,
    pub before_put: Arc<Mutex<Option<BeforePut>>>,
}

macro_rules! between_points {
    ($self:ident, $call:expr) => {{
        $self.points.pass().await;
        let answer = $call.await;
        $self.points.pass().await;
        answer
    }};
}

impl Registry for TestRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        between_points!(self, self.inner.ping(repository))
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        between_points!(self, self.inner.manifest(repository, at))
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        between_points!(self, self.inner.head_manifest(repository, at))
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        between_points!(self, self.inner.has_blob(repository, blob))
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        between_points!(self, self.inner.blob(repository, blob))
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        between_points!(self, self.inner.tags(repository))
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        between_points!(self, self.inner.referrers(repository, subject))
    }
}

impl WritableRegistry for TestRegistries {
    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        if let Some(before_put) = &mut *self.before_put.lock().unwrap_or_else(PoisonError::into_inner) {
            before_put(self.inner.store(), repository, at);
        }
        between_points!(self, self.inner.put_manifest(repository, at, media_type, bytes))
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        between_points!(self, self.inner.put_blob(repository, blob, content))
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        between_points!(self, self.inner.mount_blob(repository, from, blob))
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        between_points!(self, self.inner.delete_manifest(repository, digest))
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        between_points!(self, self.inner.delete_tag(repository, tag))
    }
}

/// One key for every signer.
pub struct TestSigners {
    pub key: PrivateKey,
    pub points: Arc<Points>,
    pub signed: AtomicUsize,
    /// Signs with another key than the public one that the manifests name.
    pub other_key: Option<PrivateKey>,
    pub fails: bool,
}

impl Signers for TestSigners {
    async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.points.pass().await;
        let error = |message: String| SigningError {
            signer: signer.name.to_string(),
            message,
            help: None,
        };
        if self.fails {
            return Err(error("the key is locked".to_owned()));
        }
        let key = self.other_key.as_ref().unwrap_or(&self.key);
        let signature = key.sign(message).map_err(|refused| error(refused.to_string()))?;
        self.signed.fetch_add(1, Ordering::SeqCst);
        self.points.pass().await;
        Ok(signature)
    }
}

pub struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        "2026-11-22T10:20:30.4Z".parse().unwrap()
    }
}

pub struct TestWorld {
    pub registries: TestRegistries,
    pub signers: TestSigners,
    pub state: StateInMemory,
}

impl World for TestWorld {
    type Registry = TestRegistries;
    type Signers = TestSigners;
    type Journal = StateInMemory;
    type Clock = TestClock;

    fn registry(&self) -> &TestRegistries {
        &self.registries
    }

    fn signers(&self) -> &TestSigners {
        &self.signers
    }

    fn journal(&self) -> &StateInMemory {
        &self.state
    }

    fn clock(&self) -> &TestClock {
        &TestClock
    }
}
