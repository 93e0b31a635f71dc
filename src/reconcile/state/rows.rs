//! What is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::execute::SignedArtifact;
use crate::model::{Digest, Repository};

/// A tag on a digest that was not landfall's, and that someone has let it take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// What the tag stood on; on another digest it is a conflict again.
    pub digest: Digest,
    pub reason: String,
    pub at: Timestamp,
}

/// A signature or attestation that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// What it is known by at registries.
    pub digest: Digest,
    /// The public reference that it was made for; rows of schema 1 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Repository>,
    /// Its bytes, until they stand wherever they are wanted: see [`super::Batch::set_aside`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<SignedArtifact>,
}

/// How it went so far with a node at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Failures since the last success.
    pub failures: u32,
    /// When it was tried last.
    pub last: Timestamp,
    /// What the last failure said; empty after a success.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// When something that had stood there was put back, oldest first; the newest [`Attempt::REPAIRS_KEPT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Timestamp>,
}

impl Attempt {
    /// Enough to tell a fight from an accident.
    pub const REPAIRS_KEPT: usize = 16;
    /// A longer error is cut: it came from a registry.
    pub const ERROR_LENGTH: usize = 2_000;

    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            failures: 0,
            last: at,
            error: String::new(),
            repairs: Vec::new(),
        }
    }

    pub(super) fn fail(&mut self, error: &str, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last = at;
        self.error = error.chars().take(Self::ERROR_LENGTH).collect();
    }

    pub(super) fn succeed(&mut self, at: Timestamp) {
        self.failures = 0;
        self.last = at;
        self.error.clear();
    }

    pub(super) fn repair(&mut self, at: Timestamp) {
        self.repairs.push(at);
        let surplus = self.repairs.len().saturating_sub(Self::REPAIRS_KEPT);
        self.repairs.drain(..surplus);
    }
}
