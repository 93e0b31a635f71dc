//! What the planner can ask.

use serde::Serialize;

use crate::model::{EndpointSet, RepositoryId, TagId, TargetId, UnitId};

/// A question about one place, asked at a set of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    pub ask: Ask,
    pub at: EndpointSet,
    pub class: Class,
    pub depth: Depth,
}

/// What is asked. Sources are asked once, not per endpoint: their `at` is [`EndpointSet::PRIMARY`] by convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Does the endpoint answer?
    Endpoint(TargetId),
    /// Which tags are there?
    Tags(RepositoryId),
    /// Is the image there, whole?
    Image(UnitId),
    /// Which signatures, attestations and carried artifacts of the image are there, and verify?
    Evidence(UnitId),
    /// Which digest does the tag have?
    Tag(TagId),
    /// What does the source offer?
    Source(UnitId),
    /// What does an endpoint of the claim offer in place of its source, which has gone?
    Standing(UnitId),
}

/// How urgent an answer is. A lower class reaches its fixpoint before requests go to a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A claim that was never admitted waits for it.
    Unblocks,
    /// An admitted claim that is touched or known to be damaged.
    Verifies,
    /// A look that is due, nothing else.
    Sweep,
}

impl Class {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unblocks => "unblocks",
            Self::Verifies => "verifies",
            Self::Sweep => "sweep",
        }
    }
}

/// How deep "present" looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Every manifest down to the platform, by GET and hash.
    #[default]
    Manifests,
    /// And every blob, by HEAD.
    Blobs,
}
