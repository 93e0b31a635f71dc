//! Why a step ended without being done.

use std::fmt::Display;
use std::sync::Arc;

use super::Outcome;
use super::journal::JournalError;
use crate::model::{Obstacle, ObstacleKind};
use crate::registry::RegistryError;
use crate::transfer::TransferError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    kind: Kind,
    obstacle: Arc<Obstacle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stale,
    Failed,
    Uncertain,
}

impl Failure {
    /// The registry is not as the plan took it to be.
    pub fn stale(why: impl Display) -> Self {
        Self::new(Kind::Stale, Obstacle::new(ObstacleKind::Changed, why))
    }

    /// Something on this side: a key, the journal, the plan itself.
    pub fn local(why: impl Display) -> Self {
        Self::new(Kind::Failed, Obstacle::new(ObstacleKind::Local, why))
    }

    /// What was read is nothing that landfall handles.
    pub fn content(why: impl Display) -> Self {
        Self::new(Kind::Failed, Obstacle::new(ObstacleKind::Content, why))
    }

    /// None of the places to read from gave it.
    pub fn no_source(why: impl Display, sources: impl IntoIterator<Item = Obstacle>) -> Self {
        Self::new(Kind::Failed, Obstacle::no_source(why, sources))
    }

    /// It was written, and what stands there is something else, or nothing.
    pub fn not_kept(why: impl Display) -> Self {
        Self::new(Kind::Uncertain, Obstacle::new(ObstacleKind::NotKept, why))
    }

    /// A look at what was written before.
    pub fn after_writing(error: &RegistryError) -> Self {
        let obstacle = Obstacle::from(error);
        let text = Obstacle::new(obstacle.kind, format_args!("it was written, and then: {error}")).text;
        Self::new(Kind::Uncertain, Obstacle { text, ..obstacle })
    }

    /// A read at the step's own endpoint.
    pub fn reading(error: &RegistryError) -> Self {
        Self::new(Kind::Failed, error.into())
    }

    /// A write at the step's own endpoint that changed nothing, and what can be done about it.
    pub fn explained(error: &RegistryError, remedy: &str) -> Self {
        let obstacle = Obstacle::from(error);
        let text = Obstacle::new(obstacle.kind, format_args!("{error}: {remedy}")).text;
        Self::new(Kind::Failed, Obstacle { text, ..obstacle })
    }

    /// A write at the step's own endpoint.
    pub fn writing(error: &RegistryError) -> Self {
        let kind = if error.is_uncertain() {
            Kind::Uncertain
        } else {
            Kind::Failed
        };
        Self::new(kind, error.into())
    }

    /// A copy to the step's own endpoint.
    pub fn transfer(error: &TransferError) -> Self {
        let kind = if error.is_uncertain() {
            Kind::Uncertain
        } else {
            Kind::Failed
        };
        Self::new(kind, error.into())
    }

    fn new(kind: Kind, obstacle: Obstacle) -> Self {
        Self {
            kind,
            obstacle: Arc::new(obstacle),
        }
    }

    pub fn obstacle(&self) -> &Obstacle {
        &self.obstacle
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.obstacle.fmt(formatter)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::local(error)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        let obstacle = failure.obstacle;
        match failure.kind {
            Kind::Stale => Self::Stale { obstacle },
            Kind::Failed => Self::Failed { obstacle },
            Kind::Uncertain => Self::Uncertain { obstacle },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::ErrorKind;

    fn error(kind: ErrorKind) -> RegistryError {
        RegistryError {
            kind,
            method: "PUT",
            url: "https://one.test/v2/app/manifests/v1".to_owned(),
            status: Some(500),
            code: None,
            message: "no".to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn a_broken_write_is_uncertain_and_a_broken_read_is_not() {
        let broken = error(ErrorKind::Interrupted);
        assert!(matches!(
            Outcome::from(Failure::writing(&broken)),
            Outcome::Uncertain { .. }
        ));
        let read = Outcome::from(Failure::reading(&broken));
        assert!(matches!(&read, Outcome::Failed { .. }));
        let obstacle = read.obstacle().unwrap();
        assert_eq!((obstacle.kind, obstacle.status), (ObstacleKind::Interrupted, Some(500)));
        assert_eq!(
            &*obstacle.text,
            "PUT https://one.test/v2/app/manifests/v1: no (status 500)"
        );
    }

    #[test]
    fn a_refused_write_changed_nothing() {
        let failure = Failure::writing(&error(ErrorKind::Refused));
        assert!(matches!(Outcome::from(failure.clone()), Outcome::Failed { .. }));
        assert!(!failure.obstacle().is_silence());
        assert!(Failure::writing(&error(ErrorKind::TimedOut)).obstacle().is_silence());
    }
}
