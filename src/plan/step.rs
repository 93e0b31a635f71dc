//! What shall be done, with no choices left.

use std::sync::Arc;

use serde::Serialize;

use crate::graph::Dependency;
use crate::model::{Carried, Digest, EndpointIndex, EndpointSet, NodeId, TagId};

/// The same action for one node at a set of endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub node: NodeId,
    pub action: Action,
    /// Empty for [`Action::Sign`], which touches no registry.
    pub at: EndpointSet,
    /// What must stand first, pointwise: a step at one endpoint waits for the others at that endpoint only.
    pub after: Box<[Dependency]>,
    pub because: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Brings the unit's image whole, and what travels with it as far as it is missing.
    Copy {
        from: Box<[Provider]>,
        carried: Arc<[Carried]>,
    },
    /// Makes the signed bytes of the node's slot, and journals them.
    Sign,
    /// Puts signed bytes beside the image. Where the registry does not list referrers itself, the fallback index is
    /// kept too; a `.sig` tag is merged into.
    Attach { content: Content, from: Box<[Provider]> },
    Tag {
        tag: TagId,
        digest: Digest,
        /// What the tag stands on now; a step that finds something else is stale.
        replaces: Option<Digest>,
        /// What is replaced gets an anchor tag first: the registry may drop it with its last tag, some claim needs it, and
        /// it stands nowhere else.
        keeps: bool,
    },
    /// Takes away what one key signed a second time at the same place.
    Remove {
        /// Referrer manifests, or entries under the `.sig` tag.
        artifacts: Arc<[Digest]>,
        /// What says the same and stays. Where it does not verify there any more, nothing is removed.
        keeps: Digest,
    },
}

/// Which bytes are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An artifact that stands elsewhere.
    Known(Digest),
    /// Made by the [`Action::Sign`] step of the same node in this plan.
    MadeHere,
    /// Signed in an earlier pass and journalled.
    Journal(Digest),
}

/// Where bytes may be read, tried in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    Source,
    Endpoint(EndpointIndex),
}

/// Why a step is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// The claim is promoted for the first time.
    Promotion,
    /// The claim is promoted for the first time, from where it stood already: its source has gone.
    FoundStanding,
    /// It is not there, though the claim was admitted before: it was lost, or the endpoint is new.
    Missing,
    /// The signer has another key than the one that it was signed with.
    Rotated,
    /// A commit moved the tag.
    Moved,
    /// The tag was moved behind landfall's back.
    Drift,
    /// Somebody allowed landfall to take the tag over.
    Adopted,
    /// The same key says the same in another one that stays.
    Duplicate,
    /// It is done only where the registry drops what a tag that moves leaves behind.
    IfDropped,
}

impl Reason {
    /// Whether the step restores what stood before.
    #[must_use]
    pub fn is_repair(self) -> bool {
        matches!(self, Self::Missing | Self::Drift)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::FoundStanding => "found-standing",
            Self::Missing => "missing",
            Self::Rotated => "rotated",
            Self::Moved => "moved",
            Self::Drift => "drift",
            Self::Adopted => "adopted",
            Self::Duplicate => "duplicate",
            Self::IfDropped => "if-dropped",
        }
    }
}

/// Why a step that is due is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// The target's `mode` is `observe`.
    ObserveOnly,
    /// The target's `drift` is `report`.
    ReportOnly,
}
