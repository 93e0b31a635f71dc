//! What cannot be done, by root cause.

use std::sync::Arc;

use jiff::Timestamp;

use crate::facts::{Ask, LeftBehind};
use crate::model::{Capability, Digest, EndpointIndex, KnownBy, NodeId, Obstacle, TagId, TargetId, UnitId};

/// One root cause, and what waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub cause: Cause,
    /// How many nodes wait, counted once an endpoint.
    pub nodes: usize,
    /// The first of them.
    pub example: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An endpoint does not answer, or not to us: one entry, however many images wait for it.
    Endpoint {
        target: TargetId,
        endpoint: EndpointIndex,
        obstacle: Arc<Obstacle>,
    },
    /// One place could not be looked at.
    Place {
        ask: Ask,
        endpoint: EndpointIndex,
        obstacle: Arc<Obstacle>,
    },
    /// The source, or every place an admitted image could come from, does not have the digest.
    SourceAbsent {
        unit: UnitId,
    },
    SourceLacking {
        unit: UnitId,
        missing: Arc<[Digest]>,
    },
    SourceRefused {
        unit: UnitId,
        obstacle: Arc<Obstacle>,
    },
    SourceUnreadable {
        unit: UnitId,
        obstacle: Arc<Obstacle>,
    },
    /// It travelled with an admitted image, and neither an endpoint nor the source has it any more. Nothing waits for it.
    CarriedLost {
        unit: UnitId,
        digests: Arc<[Digest]>,
    },
    /// Beside the image at its source is something that does not travel with it. Nothing waits for it.
    LeftBehind {
        unit: UnitId,
        left: Arc<[LeftBehind]>,
    },
    /// Likewise, and the target's `carry` has the image wait for it.
    SourceWithoutAll {
        unit: UnitId,
        left: Arc<[LeftBehind]>,
    },
    /// The claim it reads from does not stand anywhere yet.
    Upstream {
        unit: UnitId,
    },
    /// The tag stands on something landfall never set nor declared.
    Conflict {
        tag: TagId,
        endpoint: EndpointIndex,
        found: Digest,
    },
    /// It may have been signed before, where nobody answers now.
    Silence {
        target: TargetId,
        endpoint: EndpointIndex,
    },
    /// Its signer has another key now, and as many as may be in a minute were signed anew.
    Rotation {
        until: Timestamp,
    },
    /// The registry there is known to be unable to hold it; with [`Capability::ImmutableTags`], to refuse to move a tag.
    Unsupported {
        target: TargetId,
        endpoint: EndpointIndex,
        capability: Capability,
        known_by: KnownBy,
    },
    /// It failed in this pass.
    Failed {
        node: NodeId,
        endpoint: EndpointIndex,
        obstacle: Arc<Obstacle>,
    },
    /// It failed before and is tried again later.
    BackOff {
        node: NodeId,
        endpoint: EndpointIndex,
        until: Timestamp,
        obstacle: Arc<Obstacle>,
    },
    /// It was repaired again and again: somebody else undoes it.
    Contested {
        node: NodeId,
        endpoint: EndpointIndex,
        repairs: usize,
    },
}

impl Cause {
    /// Whether a person who asks how things stand has to know that this was not seen.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        matches!(
            self,
            Self::Endpoint { .. } | Self::Place { .. } | Self::Silence { .. } | Self::SourceUnreadable { .. }
        )
    }

    /// Whether it may go away though nobody does anything about it: what does not answer may answer again, and what
    /// waits for time ends with it.
    #[must_use]
    pub fn lifts_by_itself(&self) -> bool {
        match self {
            Self::Endpoint { obstacle, .. }
            | Self::Place { obstacle, .. }
            | Self::SourceUnreadable { obstacle, .. } => !obstacle.is_denied(),
            Self::Upstream { .. }
            | Self::Silence { .. }
            | Self::Rotation { .. }
            | Self::Failed { .. }
            | Self::BackOff { .. } => true,
            Self::SourceAbsent { .. }
            | Self::SourceLacking { .. }
            | Self::SourceRefused { .. }
            | Self::CarriedLost { .. }
            | Self::LeftBehind { .. }
            | Self::SourceWithoutAll { .. }
            | Self::Conflict { .. }
            | Self::Unsupported { .. }
            | Self::Contested { .. } => false,
        }
    }

    /// Whether a registry refused access.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Endpoint { obstacle, .. }
            | Self::Place { obstacle, .. }
            | Self::SourceUnreadable { obstacle, .. } => obstacle.is_denied(),
            _ => false,
        }
    }

    /// What a registry, or landfall itself, said that is in the way here.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Arc<Obstacle>> {
        match self {
            Self::Endpoint { obstacle, .. }
            | Self::Place { obstacle, .. }
            | Self::SourceRefused { obstacle, .. }
            | Self::SourceUnreadable { obstacle, .. }
            | Self::Failed { obstacle, .. }
            | Self::BackOff { obstacle, .. } => Some(obstacle),
            Self::SourceAbsent { .. }
            | Self::SourceLacking { .. }
            | Self::CarriedLost { .. }
            | Self::LeftBehind { .. }
            | Self::SourceWithoutAll { .. }
            | Self::Upstream { .. }
            | Self::Conflict { .. }
            | Self::Silence { .. }
            | Self::Rotation { .. }
            | Self::Unsupported { .. }
            | Self::Contested { .. } => None,
        }
    }
}
