//! Manifests of one image, and what they refer to.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

use super::blob::Delivery;
use super::destination::Destination;
use super::fan_out::Taken;
use super::{ImageTree, Transfer, TransferError, TreeManifest};
use crate::model::{Descriptor, Digest, Manifest, Repository};
use crate::registry::{ErrorKind, ManifestAt, Pushed, RegistryError, WritableRegistry};

/// What is copied, and where it may be read.
pub(super) struct Content<'a, R> {
    pub transfer: &'a Transfer,
    pub registry: &'a R,
    pub tree: &'a ImageTree,
    pub from: &'a [Repository],
    pub taken: Taken<'a>,
}

impl<R: WritableRegistry> Content<'_, R> {
    /// Presence is read, not taken from HEAD: that is no proof of content.
    pub async fn send_unless_there(&self, to: &Repository, manifest: &TreeManifest) -> Result<(), TransferError> {
        match self.registry.manifest(to, ManifestAt::Digest(&manifest.digest)).await {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            // Damaged there: the right bytes replace it.
            Err(error) if error.kind == ErrorKind::DigestMismatch => {}
            Err(error) => return Err(error.into()),
        }
        self.send(to, manifest).await?;
        Ok(())
    }

    /// Sends a manifest. Where the registry misses something that the manifest refers to, all of that is sent once more,
    /// whatever the registry said of it before: HEAD may have been answered from a cache, and a mount acknowledged and
    /// not done. Otherwise the same answers would be believed for ever, and nobody would send what is missing.
    pub async fn send(&self, to: &Repository, manifest: &TreeManifest) -> Result<Pushed, TransferError> {
        match self.put(to, manifest).await {
            Err(error) if error.kind == ErrorKind::Missing => {
                tracing::warn!(repository = %to, manifest = %manifest.digest, %error, "what the registry said it has is sent once more");
                self.send_below(to, manifest).await?;
                Ok(self.put(to, manifest).await?)
            }
            pushed => Ok(pushed?),
        }
    }

    async fn put(&self, to: &Repository, manifest: &TreeManifest) -> Result<Pushed, RegistryError> {
        let TreeManifest {
            digest,
            bytes,
            manifest,
            ..
        } = manifest;
        let (at, media_type) = (ManifestAt::Digest(digest), &manifest.media_type);
        self.registry.put_manifest(to, at, media_type, bytes.clone()).await
    }

    async fn send_below(&self, to: &Repository, manifest: &TreeManifest) -> Result<(), TransferError> {
        let mut blobs: Vec<BoxFuture<'_, Result<(), TransferError>>> = Vec::new();
        for blob in self.tree.blobs() {
            if refers(&manifest.manifest, &blob.digest) {
                blobs.push(self.send_blob(to, blob).boxed());
            }
        }
        let blobs = stream::iter(blobs).buffer_unordered(self.transfer.limits.requests.max(1));
        blobs.try_for_each(|()| std::future::ready(Ok(()))).await?;
        for child in self.tree.manifests() {
            if refers(&manifest.manifest, &child.digest) {
                self.put(to, child).await?;
            }
        }
        Ok(())
    }

    async fn send_blob(&self, to: &Repository, blob: &Descriptor) -> Result<(), TransferError> {
        let (told, mut hears) = mpsc::unbounded_channel();
        let destination = Destination { repository: to, told };
        let delivery = Delivery {
            transfer: self.transfer,
            registry: self.registry,
            blob,
            from: self.from,
            taken: self.taken,
        };
        delivery.send_unseen(&destination).await;
        hears
            .recv()
            .await
            .expect("whoever sends a blob tells its destination before letting go of it")
    }
}

fn refers(manifest: &Manifest, to: &Digest) -> bool {
    let mut named = manifest.blobs().chain(&manifest.manifests);
    named.any(|entry| entry.digest == *to)
}
