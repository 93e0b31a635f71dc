//! One repository that is being looked at.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use super::budget::Counted;
use super::failure::LookError;
use crate::facts::Depth;
use crate::model::{Descriptor, Digest, Limits, Manifest, Repository};
use crate::registry::{ErrorKind, FetchedManifest, ManifestAt, Referrers, Registry, RegistryError};
use crate::transfer::{ImageTree, TreeAnswer, TreeError, read_tree};

/// Where to look, and within which limits.
#[derive(Debug)]
pub(super) struct Place<'a, R> {
    pub registry: &'a Counted<R>,
    pub repository: Repository,
    pub limits: &'a Limits,
}

impl<R: Registry> Place<'_, R> {
    pub async fn referrers(&self, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.registry.referrers(&self.repository, subject).await
    }

    pub async fn fetch(&self, at: ManifestAt<'_>) -> Result<Option<FetchedManifest>, RegistryError> {
        self.registry.manifest(&self.repository, at).await
    }

    pub async fn head(&self, at: ManifestAt<'_>) -> Result<Option<Digest>, RegistryError> {
        self.registry.head_manifest(&self.repository, at).await
    }

    pub async fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.registry.has_blob(&self.repository, blob).await
    }

    /// A blob that is small by what its descriptor says, in memory. `None` where it is not there.
    pub async fn small_blob(&self, blob: &Descriptor) -> Result<Option<Bytes>, RegistryError> {
        let Some(mut stream) = self.registry.blob(&self.repository, blob).await? else {
            return Ok(None);
        };
        // The stream ends with an error where more comes than the descriptor says.
        let mut bytes = BytesMut::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(Some(bytes.freeze()))
    }

    /// Reads what was fetched; nothing can be said about content that landfall cannot read.
    pub fn parse(&self, fetched: &FetchedManifest) -> Result<Manifest, LookError> {
        Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), self.limits).map_err(|error| {
            LookError::Manifest {
                repository: self.repository.clone(),
                digest: fetched.digest,
                error,
            }
        })
    }

    pub async fn tree(&self, root: &Digest) -> Result<TreeAnswer, TreeError> {
        read_tree(self.registry, &self.repository, root, self.limits).await
    }

    /// Whether a manifest and everything below it is there, down to `depth`.
    pub async fn is_whole(&self, root: &Digest, depth: Depth) -> Result<bool, LookError> {
        Ok(self.whole(root, depth).await?.is_some())
    }

    /// The tree of a manifest, where everything below it is there, down to `depth`.
    pub async fn whole(&self, root: &Digest, depth: Depth) -> Result<Option<ImageTree>, LookError> {
        let tree = match self.tree(root).await? {
            TreeAnswer::Whole(tree) => tree,
            TreeAnswer::Absent | TreeAnswer::Incomplete { .. } => return Ok(None),
        };
        let whole = depth == Depth::Manifests || self.missing_blobs(&tree).await?.is_empty();
        Ok(whole.then_some(tree))
    }

    /// The blobs of a tree that are gone for good: HEAD says so, and GET.
    pub async fn gone_blobs(&self, tree: &ImageTree) -> Result<Vec<Digest>, LookError> {
        let mut gone = self.missing_blobs(tree).await?;
        let mut still = Vec::new();
        for digest in gone.drain(..) {
            let Some(blob) = tree.blobs().iter().find(|blob| blob.digest == digest) else {
                continue;
            };
            match self.registry.blob(&self.repository, blob).await {
                Ok(Some(_)) => {}
                Ok(None) => still.push(digest),
                Err(error) if error.kind == ErrorKind::DigestMismatch => still.push(digest),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(still)
    }

    /// The blobs of a tree that are not there, or not as they should be: a copy puts them right.
    pub async fn missing_blobs(&self, tree: &ImageTree) -> Result<Vec<Digest>, RegistryError> {
        let looking = tree.blobs().iter().map(|blob| async move {
            match self.has_blob(blob).await {
                Ok(there) => Ok((blob.digest, there)),
                // The registry itself says that it holds something else there.
                Err(error) if error.kind == ErrorKind::DigestMismatch => Ok((blob.digest, false)),
                Err(error) => Err(error),
            }
        });
        // Boxed: the compiler cannot prove this future `Send` for every lifetime of `self` otherwise.
        let mut looking = stream::iter(looking).buffered(self.limits.image_reads.max(1)).boxed();
        let mut missing = Vec::new();
        while let Some(looked) = looking.next().await {
            let (digest, there) = looked?;
            if !there {
                missing.push(digest);
            }
        }
        Ok(missing)
    }
}
