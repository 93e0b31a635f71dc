//! Upload sessions that a registry opened instead of mounting.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::model::{Digest, Repository};

/// Registries keep sessions for an hour and longer; the upload follows a failed mount at once, or never.
const LIFE: Duration = Duration::from_secs(300);
const CAPACITY: usize = 1024;

/// Where the upload of a blob can go on. A mount that the registry does not do opens a session all the same (OCI
/// distribution specification, "Mounting a blob from another repository"); using it saves a request and leaves no
/// session behind.
#[derive(Debug, Default)]
pub(super) struct UploadSessions {
    open: Mutex<HashMap<(Repository, Digest), (Url, Instant)>>,
}

impl UploadSessions {
    pub(super) fn keep(&self, repository: &Repository, digest: Digest, location: Url, now: Instant) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= CAPACITY {
            open.retain(|_, (_, opened)| now < *opened + LIFE);
        }
        if open.len() < CAPACITY {
            open.insert((repository.clone(), digest), (location, now));
        }
    }

    /// The session, for one use.
    pub(super) fn take(&self, repository: &Repository, digest: Digest, now: Instant) -> Option<Url> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (location, opened) = open.remove(&(repository.clone(), digest))?;
        (now < opened + LIFE).then_some(location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_used_once_and_not_when_it_is_old() {
        let sessions = UploadSessions::default();
        let repository: Repository = "example.com/a".parse().unwrap();
        let (digest, now) = (Digest::of(b""), Instant::now());
        let url = Url::parse("https://example.com/upload").unwrap();
        sessions.keep(&repository, digest, url.clone(), now);
        assert_eq!(sessions.take(&repository, Digest::of(b"other"), now), None);
        assert_eq!(sessions.take(&repository, digest, now), Some(url.clone()));
        assert_eq!(sessions.take(&repository, digest, now), None);
        sessions.keep(&repository, digest, url, now);
        assert_eq!(sessions.take(&repository, digest, now + LIFE), None);
    }
}
