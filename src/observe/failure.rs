//! Why a look brought no answer.

use std::sync::Arc;

use thiserror::Error;

use crate::facts::Answer;
use crate::model::{Digest, ManifestError, Obstacle, ObstacleKind, Repository};
use crate::registry::{ErrorKind, RegistryError};
use crate::transfer::TreeError;
use crate::trust::KeyError;

#[derive(Debug, Clone, Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Its bytes are those that the digest names, and yet nothing can be made of them.
    #[error("{repository}@{digest}: {error}")]
    Manifest {
        repository: Repository,
        digest: Digest,
        error: ManifestError,
    },
    #[error("{repository}@{subject}: {count} referrers may be bundles: at most {limit} are looked at")]
    TooMany {
        repository: Repository,
        subject: Digest,
        count: usize,
        limit: usize,
    },
    #[error("a public key of signer `{signer}` cannot be read: {error}")]
    Key { signer: Arc<str>, error: KeyError },
    #[error("nothing is claimed here any more")]
    Unclaimed,
    #[error("the image that it is read from stands at no endpoint of target `{target}`")]
    NotStanding { target: Arc<str> },
}

impl LookError {
    /// The answer that this is: never an absence.
    pub fn answer(&self) -> Answer {
        Answer::Failed(Arc::new(self.into()))
    }

    /// Whether it was read, and is not what landfall handles: asking again changes nothing.
    pub fn is_about_content(&self) -> bool {
        match self {
            Self::Registry(error) | Self::Tree(TreeError::Registry(error)) => error.kind == ErrorKind::TooLarge,
            Self::Tree(_) | Self::Manifest { .. } => true,
            Self::TooMany { .. } | Self::Key { .. } | Self::Unclaimed | Self::NotStanding { .. } => false,
        }
    }
}

impl From<&LookError> for Obstacle {
    fn from(error: &LookError) -> Self {
        match error {
            LookError::Registry(answer) => answer.into(),
            LookError::Tree(answer) => answer.into(),
            LookError::Manifest { .. } | LookError::TooMany { .. } => Self::new(ObstacleKind::Content, error),
            LookError::Key { .. } | LookError::Unclaimed => Self::new(ObstacleKind::Local, error),
            LookError::NotStanding { .. } => Self::new(ObstacleKind::NoSource, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, message: &str) -> LookError {
        LookError::Registry(RegistryError {
            kind,
            method: "GET",
            url: "https://one.test/v2/".to_owned(),
            status: Some(429),
            code: None,
            message: message.to_owned(),
            retry_after: None,
        })
    }

    #[test]
    fn an_obstacle_says_what_kind_of_look_failed() {
        let throttled = Obstacle::from(&error(ErrorKind::Throttled, "later"));
        assert_eq!((throttled.kind, throttled.status), (ObstacleKind::Throttled, Some(429)));
        let unclaimed = Obstacle::from(&LookError::Unclaimed);
        assert_eq!(unclaimed.kind, ObstacleKind::Local);
    }

    #[test]
    fn only_a_refusal_is_forbidden() {
        for (kind, forbidden) in [
            (ErrorKind::Denied, true),
            (ErrorKind::NotAllowed, true),
            (ErrorKind::Server, false),
            (ErrorKind::Unreachable, false),
            (ErrorKind::Missing, false),
        ] {
            let Answer::Failed(obstacle) = error(kind, "").answer() else {
                panic!("{kind:?} is no answer");
            };
            assert_eq!(obstacle.is_denied(), forbidden, "{kind:?}");
        }
    }
}
