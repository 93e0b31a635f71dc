//! An image with everything below it.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use thiserror::Error;

use crate::model::{Descriptor, Digest, Limits, Manifest, ManifestError, Repository, media_type};
use crate::registry::{FetchedManifest, ManifestAt, Registry, RegistryError};

/// A manifest and all manifests and blobs that it reaches, down to the platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTree {
    /// Each once; whatever a manifest lists comes before it. The root is the last.
    manifests: Vec<TreeManifest>,
    blobs: Vec<Descriptor>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeManifest {
    pub digest: Digest,
    /// Exactly as the registry serves it.
    pub bytes: Bytes,
    pub manifest: Manifest,
    /// The longest way down to a manifest that lists none.
    pub(super) height: usize,
}

/// What a registry holds of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeAnswer {
    Whole(ImageTree),
    /// The manifest itself is not there.
    Absent,
    /// It is there; these, which it reaches, are not.
    Incomplete {
        missing: Vec<Digest>,
    },
}

/// Why nothing can be said of an image, or it may not be copied.
#[derive(Debug, Clone, Error)]
pub enum TreeError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("{repository}@{digest}: {error}")]
    Manifest {
        repository: Repository,
        digest: Digest,
        error: ManifestError,
    },
    #[error("{repository}@{digest}: indexes nest deeper than {limit}")]
    TooDeep {
        repository: Repository,
        digest: Digest,
        limit: usize,
    },
    #[error("{repository}@{digest}: more than {limit} manifests")]
    TooMany {
        repository: Repository,
        digest: Digest,
        limit: usize,
    },
    #[error("{repository}@{digest}: its manifests have more than {limit} bytes")]
    TooLarge {
        repository: Repository,
        digest: Digest,
        limit: usize,
    },
    /// Clients that believe the one read something else than those that believe the other.
    #[error("{repository}@{digest}: listed with {listed}, and has {actual}")]
    Contradiction {
        repository: Repository,
        digest: Digest,
        listed: String,
        actual: String,
    },
}

impl ImageTree {
    #[must_use]
    pub fn root(&self) -> &TreeManifest {
        self.manifests.last().expect("a tree is made with its root")
    }

    /// Each once; whatever a manifest lists comes before it. The root is the last.
    #[must_use]
    pub fn manifests(&self) -> &[TreeManifest] {
        &self.manifests
    }

    /// What the manifests need, each once. Foreign layers are left out: they stay where they are.
    #[must_use]
    pub fn blobs(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// Bytes of manifests and blobs together.
    #[must_use]
    pub fn size(&self) -> u64 {
        let manifests: u64 = self.manifests.iter().map(|manifest| manifest.bytes.len() as u64).sum();
        self.blobs
            .iter()
            .fold(manifests, |sum, blob| sum.saturating_add(blob.size))
    }
}

/// Reads an image whole: every manifest down to the platforms by GET and hash. Blobs are not looked at.
///
/// # Errors
/// Where the registry gives no usable answer, or an image that breaks the limits or contradicts itself.
pub async fn read_tree<R: Registry>(
    registry: &R,
    repository: &Repository,
    root: &Digest,
    limits: &Limits,
) -> Result<TreeAnswer, TreeError> {
    let mut reading = Reading {
        repository,
        root,
        limits,
        manifests: HashMap::new(),
        order: Vec::new(),
        bytes: 0,
    };
    let mut missing = Vec::new();
    let mut level = vec![(*root, None)];
    for depth in 0.. {
        let fetching = level.into_iter().map(|(digest, listed)| async move {
            let fetched = registry.manifest(repository, ManifestAt::Digest(&digest)).await?;
            Ok::<_, RegistryError>((digest, listed, fetched))
        });
        // Boxed: the compiler cannot prove this future `Send` for every lifetime of `registry` otherwise.
        let fetched: Vec<_> = stream::iter(fetching)
            .buffered(limits.image_reads.max(1))
            .boxed()
            .try_collect()
            .await?;
        let mut next = Vec::new();
        for (digest, listed, fetched) in fetched {
            match fetched {
                Some(fetched) => next.extend(reading.take(digest, listed, fetched)?),
                None if digest == *root => return Ok(TreeAnswer::Absent),
                None => missing.push(digest),
            }
        }
        if next.is_empty() {
            break;
        }
        if depth == limits.nesting {
            return Err(reading.too_deep());
        }
        level = next;
    }
    if missing.is_empty() {
        reading.finish().map(TreeAnswer::Whole)
    } else {
        Ok(TreeAnswer::Incomplete { missing })
    }
}

struct Reading<'a> {
    repository: &'a Repository,
    root: &'a Digest,
    limits: &'a Limits,
    /// `None` for what has been listed and not read yet.
    manifests: HashMap<Digest, Option<(Bytes, Manifest)>>,
    /// As they were found, from the root down.
    order: Vec<Digest>,
    bytes: usize,
}

impl Reading<'_> {
    /// Takes a manifest in. Gives what it lists and nobody listed before.
    fn take(
        &mut self,
        digest: Digest,
        listed: Option<Descriptor>,
        fetched: FetchedManifest,
    ) -> Result<Vec<(Digest, Option<Descriptor>)>, TreeError> {
        let FetchedManifest { bytes, media_type, .. } = fetched;
        let manifest =
            Manifest::parse(&bytes, media_type.as_deref(), self.limits).map_err(|error| TreeError::Manifest {
                repository: self.repository.clone(),
                digest,
                error,
            })?;
        if let Some(listed) = listed {
            if listed.size != bytes.len() as u64 {
                let (listed, actual) = (format!("{} bytes", listed.size), format!("{}", bytes.len()));
                return Err(self.contradiction(digest, listed, actual));
            }
            if listed.media_type != manifest.media_type {
                return Err(self.contradiction(digest, listed.media_type, manifest.media_type));
            }
        }
        self.bytes += bytes.len();
        if self.bytes > self.limits.image_bytes {
            let (repository, limit) = (self.repository.clone(), self.limits.image_bytes);
            return Err(TreeError::TooLarge {
                repository,
                digest: *self.root,
                limit,
            });
        }
        let mut next = Vec::new();
        for child in &manifest.manifests {
            match Content::of(&child.media_type) {
                Content::Schema1 => {
                    let (repository, digest) = (self.repository.clone(), child.digest);
                    return Err(TreeError::Manifest {
                        repository,
                        digest,
                        error: ManifestError::Schema1,
                    });
                }
                Content::Manifest if !self.manifests.contains_key(&child.digest) => {
                    self.manifests.insert(child.digest, None);
                    next.push((child.digest, Some(child.clone())));
                }
                Content::Manifest | Content::Blob => {}
            }
        }
        self.manifests.insert(digest, Some((bytes, manifest)));
        self.order.push(digest);
        if self.manifests.len() > self.limits.image_manifests {
            let (repository, limit) = (self.repository.clone(), self.limits.image_manifests);
            return Err(TreeError::TooMany {
                repository,
                digest: *self.root,
                limit,
            });
        }
        Ok(next)
    }

    fn finish(mut self) -> Result<ImageTree, TreeError> {
        let mut heights = HashMap::new();
        // What a shorter way reached first may lie deeper on another: only the longest way counts.
        if self.height(*self.root, &mut heights) > self.limits.nesting {
            return Err(self.too_deep());
        }
        let mut blobs: Vec<Descriptor> = Vec::new();
        let mut sizes: HashMap<Digest, u64> = HashMap::new();
        let mut manifests = Vec::new();
        for digest in std::mem::take(&mut self.order) {
            let Some((bytes, manifest)) = self.manifests.remove(&digest).flatten() else {
                continue;
            };
            let listed = manifest
                .manifests
                .iter()
                .filter(|child| Content::of(&child.media_type) == Content::Blob);
            for blob in manifest.blobs().chain(listed.filter(|blob| !blob.is_foreign())) {
                match sizes.insert(blob.digest, blob.size) {
                    None => blobs.push(blob.clone()),
                    Some(size) if size == blob.size => {}
                    Some(size) => {
                        let (listed, actual) = (format!("{size} bytes"), format!("{} elsewhere", blob.size));
                        return Err(self.contradiction(blob.digest, listed, actual));
                    }
                }
            }
            let height = heights.get(&digest).copied().unwrap_or_default();
            manifests.push(TreeManifest {
                digest,
                bytes,
                manifest,
                height,
            });
        }
        // Stable, and nothing is as high as the root.
        manifests.sort_by_key(|manifest| manifest.height);
        Ok(ImageTree { manifests, blobs })
    }

    /// Ends: a manifest that reached itself would have to contain its own hash.
    fn height(&self, digest: Digest, heights: &mut HashMap<Digest, usize>) -> usize {
        if let Some(height) = heights.get(&digest) {
            return *height;
        }
        let children = self.manifests.get(&digest).and_then(Option::as_ref);
        let children = children.into_iter().flat_map(|(_, manifest)| &manifest.manifests);
        let children = children.filter(|child| Content::of(&child.media_type) == Content::Manifest);
        let height = children
            .map(|child| 1 + self.height(child.digest, heights))
            .max()
            .unwrap_or(0);
        heights.insert(digest, height);
        height
    }

    fn too_deep(&self) -> TreeError {
        let limit = self.limits.nesting;
        TreeError::TooDeep {
            repository: self.repository.clone(),
            digest: *self.root,
            limit,
        }
    }

    fn contradiction(&self, digest: Digest, listed: String, actual: String) -> TreeError {
        TreeError::Contradiction {
            repository: self.repository.clone(),
            digest,
            listed,
            actual,
        }
    }
}

/// What an index's entry is. Indexes may list anything (BuildKit's caches list layers): what is no manifest is a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Manifest,
    Schema1,
    Blob,
}

impl Content {
    fn of(media_type: &str) -> Self {
        match media_type {
            media_type::OCI_MANIFEST
            | media_type::OCI_INDEX
            | media_type::DOCKER_MANIFEST
            | media_type::DOCKER_LIST => Self::Manifest,
            media_type::DOCKER_SCHEMA1 | media_type::DOCKER_SCHEMA1_SIGNED => Self::Schema1,
            _ => Self::Blob,
        }
    }
}

#[cfg(test)]
mod tests;
