//! Why nothing can be said of an image: an error is no absence.

use miette::Diagnostic;
use thiserror::Error;

use crate::model::{Digest, ManifestError, Repository};
use crate::registry::RegistryError;

#[derive(Debug, Clone, Error)]
pub enum GatherError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("{place} is not there")]
    Absent { place: String },
    #[error("{place} stands on {found}, not on {expected}: name the tag or the digest that is meant")]
    OtherDigest {
        place: String,
        found: Digest,
        expected: Digest,
    },
    #[error("{repository}@{digest} cannot be read")]
    Manifest {
        repository: Repository,
        digest: Digest,
        source: ManifestError,
    },
    #[error("{repository}@{digest} lists {child}, which is not there")]
    Incomplete {
        repository: Repository,
        digest: Digest,
        child: Digest,
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
}

impl GatherError {
    /// Whether the registry, or landfall's own configuration, refused access.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_denied())
    }
}

impl Diagnostic for GatherError {}
