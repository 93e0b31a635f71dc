//! What can go wrong between landfall and a registry.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use thiserror::Error;
use url::Url;

use crate::http::{method_name, redacted};
use crate::model::{Obstacle, ObstacleKind};

/// A request that did not bring a usable answer. An absence is no error: see the methods of [`super::Registry`].
#[derive(Debug, Clone, Error)]
pub struct RegistryError {
    pub kind: ErrorKind,
    /// `GET`, `HEAD`, `PUT`, `POST`, `PATCH`.
    pub method: &'static str,
    /// Without query values and credentials.
    pub url: String,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The registry's own error code, such as `MANIFEST_INVALID`.
    pub code: Option<String>,
    /// What was wrong, for people.
    pub message: String,
    /// How long the registry asked to be left alone.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// An answer did not come, or did not end, in time.
    TimedOut,
    /// The connection broke.
    Interrupted,
    /// 401 or 403 after every credential was tried.
    Denied,
    /// 429.
    Throttled,
    /// 5xx.
    Server,
    /// 405, or another answer that says the registry cannot do this.
    Unsupported,
    /// The bytes served are not those the digest names, or headers contradict the body.
    DigestMismatch,
    /// An answer, or what was asked for, is larger than the limits allow.
    TooLarge,
    /// Not what the protocol prescribes.
    Malformed,
    /// The registry refused what was sent (4xx with a code of its own).
    Refused,
    /// Refused before anything was sent: outside `allow-writes` or `allow-reads`, a realm on another network.
    NotAllowed,
    /// Something that a write needs was not there: a source blob or manifest.
    Missing,
}

impl RegistryError {
    /// An error without an answer.
    pub(super) fn new(kind: ErrorKind, method: &Method, url: &Url, message: impl Into<String>) -> Self {
        Self {
            kind,
            method: method_name(method),
            url: redacted(url),
            status: None,
            code: None,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Whether a write that ended so may have happened all the same.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::TimedOut
                | ErrorKind::Interrupted
                | ErrorKind::Server
                | ErrorKind::TooLarge
                | ErrorKind::Malformed
                | ErrorKind::DigestMismatch
        )
    }

    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, ErrorKind::Denied | ErrorKind::NotAllowed)
    }

    /// Who was asked, with the port where it is not the usual one.
    fn host(&self) -> Option<String> {
        let url = Url::parse(&self.url).ok()?;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }
}

impl From<ErrorKind> for ObstacleKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Server => Self::Server,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::DigestMismatch => Self::DigestMismatch,
            ErrorKind::TooLarge => Self::TooLarge,
            ErrorKind::Malformed => Self::Malformed,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::NotAllowed => Self::NotAllowed,
            ErrorKind::Missing => Self::Missing,
        }
    }
}

impl From<&RegistryError> for Obstacle {
    fn from(error: &RegistryError) -> Self {
        Self {
            status: error.status,
            code: error.code.as_deref().map(Into::into),
            retry_after: error.retry_after,
            host: error.host().map(Into::into),
            ..Self::new(error.kind.into(), error)
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.method, self.url, self.message)?;
        match (&self.status, &self.code) {
            (Some(status), Some(code)) => write!(formatter, " (status {status}, {code})"),
            (Some(status), None) => write!(formatter, " (status {status})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_may_have_happened_is_told_from_one_that_has_not() {
        let url = Url::parse("https://user:p@example.com/v2/?q=secret").unwrap();
        let uncertain = |kind| RegistryError::new(kind, &Method::PUT, &url, "x").is_uncertain();
        for kind in [
            ErrorKind::TimedOut,
            ErrorKind::Interrupted,
            ErrorKind::Server,
            ErrorKind::TooLarge,
            ErrorKind::DigestMismatch,
        ] {
            assert!(uncertain(kind), "{kind:?}");
        }
        for kind in [
            ErrorKind::Unreachable,
            ErrorKind::Denied,
            ErrorKind::Throttled,
            ErrorKind::Refused,
        ] {
            assert!(!uncertain(kind), "{kind:?}");
        }
    }

    #[test]
    fn an_obstacle_keeps_what_the_registry_said_as_data() {
        let url = Url::parse("https://example.com/v2/a").unwrap();
        let error = RegistryError {
            status: Some(429),
            code: Some("TOOMANYREQUESTS".to_owned()),
            retry_after: Some(Duration::from_secs(30)),
            ..RegistryError::new(ErrorKind::Throttled, &Method::GET, &url, "later")
        };
        let obstacle = Obstacle::from(&error);
        assert_eq!(obstacle.kind, ObstacleKind::Throttled);
        assert_eq!(obstacle.status, Some(429));
        assert_eq!(obstacle.code.as_deref(), Some("TOOMANYREQUESTS"));
        assert_eq!(obstacle.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(obstacle.host.as_deref(), Some("example.com"));
        assert_eq!(&*obstacle.text, error.to_string());
        assert!(obstacle.is_silence() && !obstacle.is_denied() && !obstacle.is_lasting());
    }
}
