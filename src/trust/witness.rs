//! What others say of a signature: a log that it has it, an authority when it was made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::limits::LIMITS;
use super::verification::VerificationError;

/// As a bundle carries it. Nothing of it is verified yet, see [`super::bundle::verify_witness`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Witness {
    entry: Option<Value>,
    /// Base64 of a TimeStampResp (RFC 3161).
    timestamp: Option<String>,
}

impl Witness {
    /// Reads a log's answer (`dev.sigstore.rekor.v1.TransparencyLogEntry`, JSON) and an authority's.
    pub fn read(entry: Option<&[u8]>, timestamp: Option<&[u8]>) -> Result<Self, VerificationError> {
        let entry = entry.map(|json| {
            VerificationError::check_size("log entry", json.len(), LIMITS.document)?;
            serde_json::from_slice(json).map_err(|error| VerificationError::malformed("log entry", error))
        });
        Ok(Self {
            entry: entry.transpose()?,
            timestamp: timestamp.map(|token| STANDARD.encode(token)),
        })
    }

    pub(super) fn entry(&self) -> Option<&Value> {
        self.entry.as_ref()
    }

    pub(super) fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entry.is_none() && self.timestamp.is_none()
    }
}
