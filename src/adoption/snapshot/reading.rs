//! What stands in a repository now, tag by tag.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;

use crate::model::{Digest, ManifestError, Repository, Tag};
use crate::registry::{ManifestAt, Registry, RegistryError};
use crate::trust::MergeError;

/// Questions about one repository that wait for answers at once; how many are sent to a registry at once is limited
/// by the client.
pub(super) const AT_ONCE: usize = 32;

/// What was found; what is metadata of images (signatures, attestations, referrers) is no tag of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub tags: BTreeMap<Tag, Digest>,
    /// Listed, and gone when their digests were asked for.
    pub vanished: Vec<Tag>,
}

/// Why a repository cannot be written down.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("{repository}@{digest} cannot be read")]
    Manifest {
        repository: Repository,
        digest: Digest,
        source: ManifestError,
    },
    #[error("the signatures of {repository}@{image} cannot be read")]
    Signatures {
        repository: Repository,
        image: Digest,
        source: MergeError,
    },
    #[error("{repository}@{digest} was listed and is not there")]
    Gone { repository: Repository, digest: Digest },
}

impl ReadError {
    /// Whether the registry, or landfall's own configuration, refused access.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_denied())
    }
}

/// Reads the digests of the tags that are wanted; `None` where the registry does not know the repository.
///
/// # Errors
/// An answer that is none: nothing is left out because it could not be read.
pub async fn read<R: Registry>(
    registry: &R,
    repository: &Repository,
    wanted: impl Fn(&Tag) -> bool,
) -> Result<Option<Standing>, ReadError> {
    let Some(listed) = registry.tags(repository).await? else {
        return Ok(None);
    };
    let wanted = listed.into_iter().filter(|tag| !tag.is_metadata() && wanted(tag));
    let wanted: Vec<Tag> = wanted.collect();
    let asked = wanted.into_iter().map(|tag| async move {
        let digest = registry.head_manifest(repository, ManifestAt::Tag(&tag)).await?;
        Ok::<_, ReadError>((tag, digest))
    });
    let mut standing = Standing::default();
    // Boxed: the compiler cannot prove this stream `Send` for every lifetime otherwise.
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE).boxed();
    while let Some((tag, digest)) = answers.try_next().await? {
        match digest {
            Some(digest) => _ = standing.tags.insert(tag, digest),
            None => standing.vanished.push(tag),
        }
    }
    standing.vanished.sort_unstable();
    Ok(Some(standing))
}
