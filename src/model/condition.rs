//! Conditions of a target, in the manner of Kubernetes and Flux: a few questions, each with an answer, a reason for
//! programs and a message for people.

use jiff::Timestamp;
use serde::Serialize;

/// What is asked of a target. The names are those of Flux (its `meta` package), so that alerts and people need to learn no
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ConditionKind {
    /// All of it was looked at, and all of it is as the followed commit says.
    Ready,
    /// Something is being done, or about to be.
    Reconciling,
    /// Something is in the way that does not lift by itself.
    Stalled,
    /// The branch's head is followed: it continues the accepted history, and its manifests can be read.
    SourceVerified,
}

impl ConditionKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::SourceVerified => "SourceVerified",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

impl ConditionStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(is: bool) -> Self {
        if is { Self::True } else { Self::False }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: ConditionKind,
    pub status: ConditionStatus,
    /// One word, the same for the same reason in every version.
    pub reason: &'static str,
    pub message: String,
    /// When `status` became what it is.
    pub last_transition_time: Timestamp,
}

impl Condition {
    /// Where the status is the one it was, it goes on since then.
    pub fn continue_from(&mut self, before: &[Self]) {
        if let Some(same) = before
            .iter()
            .find(|other| other.kind == self.kind && other.status == self.status)
        {
            self.last_transition_time = same.last_transition_time;
        }
    }
}
