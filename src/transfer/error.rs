//! Why a copy did not come about.

use std::fmt;

use thiserror::Error;

use super::TreeError;
use crate::model::{Digest, Obstacle, ObstacleKind, Repository};
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
    #[error("{repository} accepted {lost}, and does not hold it")]
    NotKept { repository: Repository, lost: Lost },
}

/// What a registry acknowledged and does not hold, or holds with another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lost {
    Manifest(Digest),
    Blob(Digest),
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

    /// What the destination turned out not to hold: a fact about that place, whatever becomes of the copy.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        match self {
            Self::NotKept { lost, .. } => Some(*lost),
            Self::Destination(_) | Self::NoSource { .. } => None,
        }
    }
}

impl From<&TransferError> for Obstacle {
    fn from(error: &TransferError) -> Self {
        match error {
            TransferError::Destination(answer) => answer.into(),
            TransferError::NoSource { failures, .. } => {
                Self::no_source(error, failures.iter().map(|failure| (&failure.problem).into()))
            }
            TransferError::NotKept { .. } => Self::new(ObstacleKind::NotKept, error),
        }
    }
}

impl From<&SourceProblem> for Obstacle {
    fn from(problem: &SourceProblem) -> Self {
        match problem {
            SourceProblem::Absent => Self::new(ObstacleKind::Missing, "it is not there"),
            SourceProblem::Incomplete(missing) => Self::new(
                ObstacleKind::Missing,
                format_args!("{} parts are not there", missing.len()),
            ),
            SourceProblem::Registry(error) => error.into(),
            SourceProblem::Tree(error) => error.into(),
        }
    }
}

impl From<&TreeError> for Obstacle {
    fn from(error: &TreeError) -> Self {
        match error {
            TreeError::Registry(answer) => answer.into(),
            TreeError::Manifest { .. }
            | TreeError::TooDeep { .. }
            | TreeError::TooMany { .. }
            | TreeError::TooLarge { .. }
            | TreeError::Contradiction { .. } => Self::new(ObstacleKind::Content, error),
        }
    }
}

impl Lost {
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Manifest(digest) | Self::Blob(digest) => digest,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest(digest) => write!(formatter, "manifest {digest}"),
            Self::Blob(digest) => write!(formatter, "blob {digest}"),
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
