//! Trust roots: `trusted_root.json`, as Sigstore's TUF repositories and `cosign trusted-root create` write it.

use std::collections::HashSet;
use std::fmt;

use sigstore_verify::Verifier;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use thiserror::Error;

use crate::model::Digest;
use crate::trust::limits::LIMITS;
use crate::trust::verification::{VerificationError, printable};

/// Whose certificates, logs and timestamps count, and from when until when.
pub struct TrustRoots {
    pub(super) verifier: Verifier,
    fingerprint: Digest,
    has_certificate_logs: bool,
    /// The identifiers of transparency logs.
    logs: HashSet<Vec<u8>>,
}

/// Why a document is no trust root.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrustRootError {
    #[error("a trust root has {size} bytes: at most {limit} are read")]
    TooLarge { size: usize, limit: usize },
    #[error("expected a trust root (`trusted_root.json`, as `cosign trusted-root create` writes it): {reason}")]
    Malformed { reason: String },
}

impl TrustRoots {
    /// # Errors
    /// Where it cannot be read, or something in it could not be used when it is needed.
    pub fn from_json(json: &[u8]) -> Result<Self, TrustRootError> {
        let (size, limit) = (json.len(), LIMITS.document);
        if size > limit {
            return Err(TrustRootError::TooLarge { size, limit });
        }
        let text = std::str::from_utf8(json).map_err(malformed)?;
        let root = TrustedRoot::from_json(text).map_err(malformed)?;
        Ok(Self {
            verifier: Verifier::new(&root).map_err(malformed)?,
            fingerprint: Digest::of(json),
            has_certificate_logs: !root.ctlogs.is_empty(),
            logs: root
                .tlogs
                .iter()
                .map(|log| log.log_id.key_id.as_bytes().to_vec())
                .collect(),
        })
    }

    /// The public Sigstore's, as it stood when this version was made: keys that were added since are not in it.
    ///
    /// # Errors
    /// Never, unless the copy that came with the program is broken.
    pub fn public_sigstore() -> Result<Self, TrustRootError> {
        Self::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes())
    }

    /// SHA-256 of the document.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whether this is the identifier of one of its transparency logs.
    pub(super) fn knows_log(&self, identifier: &[u8]) -> bool {
        self.logs.contains(identifier)
    }

    /// Whether certificates of this root can carry proof that they were logged.
    #[must_use]
    pub fn has_certificate_logs(&self) -> bool {
        self.has_certificate_logs
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TrustRoots({})", self.fingerprint)
    }
}

fn malformed(error: impl fmt::Display) -> TrustRootError {
    TrustRootError::Malformed {
        reason: printable(&error.to_string(), LIMITS.reason),
    }
}

/// What the verifier says of something that does not hold, without what a terminal would obey.
pub(super) fn refused(error: sigstore_verify::Error) -> VerificationError {
    VerificationError::Untrusted {
        reason: printable(&error.to_string(), LIMITS.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_root_that_came_along_is_usable_and_has_a_name() {
        let roots = TrustRoots::public_sigstore().unwrap();
        assert!(roots.has_certificate_logs());
        assert_eq!(
            roots.fingerprint(),
            Digest::of(SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes())
        );
    }

    #[test]
    fn what_is_no_trust_root_is_refused_at_once() {
        for bad in [&b""[..], b"{}", b"\xff", b"[]", br#"{"mediaType":"x","tlogs":[{}]}"#] {
            assert!(matches!(
                TrustRoots::from_json(bad),
                Err(TrustRootError::Malformed { .. })
            ));
        }
        let large = vec![b' '; LIMITS.document + 1];
        assert!(matches!(
            TrustRoots::from_json(&large),
            Err(TrustRootError::TooLarge { .. })
        ));
    }
}
