//! Why a copy did not come about.

use std::fmt;

use thiserror::Error;

use super::TreeError;
use crate::model::{Digest, Repository};
use crate::registry::RegistryError;

/// Why a destination does not hold what was to be copied there.
#[derive(Debug, Clone, Error)]
pub enum TransferError {
    /// The destination's own answer.
    #[error(transparent)]
    Destination(#[from] RegistryError),
    /// None of the places to read from gave it.
    #[error("no source gave {digest}: {}", Listed(failures))]
    NoSource {
        digest: Digest,
        failures: Vec<SourceFailure>,
    },
    /// The destination accepted it, and does not hold it afterwards.
    #[error("{repository} accepted {digest}, and does not hold it")]
    NotKept { repository: Repository, digest: Digest },
}

impl TransferError {
    /// Whether something that was to be written may stand at the destination all the same.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Destination(error) => error.is_uncertain(),
            Self::NoSource { .. } => false,
            Self::NotKept { .. } => true,
        }
    }

    /// The destination's error, where it gave one.
    #[must_use]
    pub fn destination(&self) -> Option<&RegistryError> {
        match self {
            Self::Destination(error) => Some(error),
            Self::NoSource { .. } | Self::NotKept { .. } => None,
        }
    }
}

/// What one source did instead.
#[derive(Debug, Clone)]
pub struct SourceFailure {
    pub source: Repository,
    pub problem: SourceProblem,
}

#[derive(Debug, Clone)]
pub enum SourceProblem {
    Absent,
    /// Manifests below it are not there.
    Incomplete(Vec<Digest>),
    Registry(RegistryError),
    /// What stands there is not what it should be.
    Tree(TreeError),
}

impl fmt::Display for SourceFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            SourceProblem::Absent => write!(formatter, "{} does not have it", self.source),
            SourceProblem::Incomplete(missing) => {
                write!(formatter, "{} lacks {} of its manifests", self.source, missing.len())?;
                missing
                    .first()
                    .map_or(Ok(()), |first| write!(formatter, ", {first} among them"))
            }
            SourceProblem::Registry(error) => error.fmt(formatter),
            SourceProblem::Tree(error) => error.fmt(formatter),
        }
    }
}

struct Listed<'a>(&'a [SourceFailure]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("there is none to read from");
        }
        for (position, failure) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str("; ")?;
            }
            failure.fmt(formatter)?;
        }
        Ok(())
    }
}
