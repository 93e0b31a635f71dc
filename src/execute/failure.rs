//! Why a step ended without being done.

use std::fmt::Display;
use std::sync::Arc;

use super::Outcome;
use super::journal::JournalError;
use crate::model::Foreign;
use crate::registry::{ErrorKind, RegistryError};
use crate::transfer::TransferError;

/// Characters of an explanation that are kept.
const LONGEST: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    kind: Kind,
    why: Arc<str>,
    silent: bool,
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
        Self::new(Kind::Stale, why)
    }

    pub fn failed(why: impl Display) -> Self {
        Self::new(Kind::Failed, why)
    }

    pub fn uncertain(why: impl Display) -> Self {
        Self::new(Kind::Uncertain, why)
    }

    /// A read at the step's own endpoint.
    pub fn reading(error: &RegistryError) -> Self {
        Self {
            silent: is_silence(error),
            ..Self::failed(error)
        }
    }

    /// A write at the step's own endpoint.
    pub fn writing(error: &RegistryError) -> Self {
        let kind = if error.is_uncertain() {
            Kind::Uncertain
        } else {
            Kind::Failed
        };
        Self {
            silent: is_silence(error),
            ..Self::new(kind, error)
        }
    }

    /// A copy to the step's own endpoint.
    pub fn transfer(error: &TransferError) -> Self {
        let kind = if error.is_uncertain() {
            Kind::Uncertain
        } else {
            Kind::Failed
        };
        Self {
            silent: error.destination().is_some_and(is_silence),
            ..Self::new(kind, error)
        }
    }

    fn new(kind: Kind, why: impl Display) -> Self {
        Self {
            kind,
            why: one_line(&why.to_string()).into(),
            silent: false,
        }
    }

    /// Whether the step's endpoint did not answer at all.
    pub fn is_silence(&self) -> bool {
        self.silent
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.why)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::failed(error)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Stale => Self::Stale { why: failure.why },
            Kind::Failed => Self::Failed { error: failure.why },
            Kind::Uncertain => Self::Uncertain { error: failure.why },
        }
    }
}

/// Registries' own words are part of errors: they may be long, hold line breaks, or control a terminal.
fn one_line(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", Foreign(&text[..end])),
        None => Foreign(text).to_string(),
    }
}

fn is_silence(error: &RegistryError) -> bool {
    // What is throttled has waited for long already.
    matches!(
        error.kind,
        ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Throttled
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let text: Arc<str> = "PUT https://one.test/v2/app/manifests/v1: no (status 500)".into();
        assert_eq!(
            Outcome::from(Failure::writing(&broken)),
            Outcome::Uncertain { error: text.clone() }
        );
        assert_eq!(
            Outcome::from(Failure::reading(&broken)),
            Outcome::Failed { error: text }
        );
    }

    #[test]
    fn an_explanation_is_one_line_of_bounded_length() {
        let words = |text: &str| Failure::failed(text).to_string();
        assert_eq!(words("slow\n\u{1b}[31mdown"), "slow\\n\\u{1b}[31mdown");
        assert_eq!(words(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_refused_write_changed_nothing() {
        let failure = Failure::writing(&error(ErrorKind::Refused));
        assert!(matches!(Outcome::from(failure.clone()), Outcome::Failed { .. }));
        assert!(!failure.is_silence());
        assert!(Failure::writing(&error(ErrorKind::TimedOut)).is_silence());
    }
}
