//! What is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::execute::SignedArtifact;
use crate::model::{Digest, Obstacle, ObstacleKind, Repository};

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
#[serde(rename_all = "camelCase", from = "AttemptRow")]
pub struct Attempt {
    /// Failures since the last success.
    pub failures: u32,
    /// When it was tried last.
    pub last: Timestamp,
    /// What the last failure came to; `None` after a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// When something that had stood there was put back, oldest first; the newest [`Attempt::REPAIRS_KEPT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Timestamp>,
}

/// The same as it may have been written: rows of before obstacles were typed hold what was said alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttemptRow {
    failures: u32,
    last: Timestamp,
    #[serde(default)]
    error: String,
    obstacle: Option<Obstacle>,
    #[serde(default)]
    repairs: Vec<Timestamp>,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        let told = (!row.error.is_empty()).then(|| Obstacle::new(ObstacleKind::Unclassified, row.error));
        Self {
            failures: row.failures,
            last: row.last,
            obstacle: row.obstacle.or(told),
            repairs: row.repairs,
        }
    }
}

impl Attempt {
    /// Enough to tell a fight from an accident.
    pub const REPAIRS_KEPT: usize = 16;

    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            failures: 0,
            last: at,
            obstacle: None,
            repairs: Vec::new(),
        }
    }

    pub(super) fn fail(&mut self, obstacle: &Obstacle, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last = at;
        self.obstacle = Some(obstacle.clone());
    }

    pub(super) fn succeed(&mut self, at: Timestamp) {
        self.failures = 0;
        self.last = at;
        self.obstacle = None;
    }

    pub(super) fn repair(&mut self, at: Timestamp) {
        self.repairs.push(at);
        let surplus = self.repairs.len().saturating_sub(Self::REPAIRS_KEPT);
        self.repairs.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_before_obstacles_were_typed_is_read_and_written_as_one() {
        let old = r#"{"failures":2,"last":"2026-11-22T03:00:00Z","error":"PUT https://one.test/v2/: 429"}"#;
        let attempt: Attempt = serde_json::from_str(old).unwrap();
        let told = Obstacle::new(ObstacleKind::Unclassified, "PUT https://one.test/v2/: 429");
        assert_eq!((attempt.failures, attempt.obstacle.clone()), (2, Some(told)));
        let written = serde_json::to_string(&attempt).unwrap();
        assert_eq!(serde_json::from_str::<Attempt>(&written).unwrap(), attempt);
        let repaired = r#"{"failures":0,"last":"2026-11-22T03:00:00Z","repairs":["2026-11-22T03:00:00Z"]}"#;
        let attempt: Attempt = serde_json::from_str(repaired).unwrap();
        assert_eq!((attempt.obstacle, attempt.repairs.len()), (None, 1));
    }
}
