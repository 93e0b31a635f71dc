//! Numbers for what the graph holds. Stable while a process lives, never stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AttestationKind, SignatureForm};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

id!(
    /// A target.
    TargetId,
    /// A repository path below a target, at each of its endpoints.
    RepositoryId,
    /// One image (repository and digest) at one target.
    UnitId,
    /// One tag of a repository of a target.
    TagId
);

/// What a unit consists of. Each is observed and repaired on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    Gate,
    Image,
    Signature(SignatureForm),
    Attestation(AttestationKind),
    #[serde(skip)]
    Tag(TagId),
}

/// A node of the dependency graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    pub unit: UnitId,
    pub slot: Slot,
}

/// Something that landfall signs about an image: the kinds of artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtifactKind {
    Signature(SignatureForm),
    Attestation(AttestationKind),
}

impl ArtifactKind {
    pub const ALL: [Self; 4] = [
        Self::Signature(SignatureForm::Bundle),
        Self::Signature(SignatureForm::Tag),
        Self::Signature(SignatureForm::Referrer),
        Self::Attestation(AttestationKind::Promotion),
    ];

    #[must_use]
    pub const fn slot(self) -> Slot {
        match self {
            Self::Signature(form) => Slot::Signature(form),
            Self::Attestation(kind) => Slot::Attestation(kind),
        }
    }
}

impl Slot {
    /// What this slot holds, where it holds something signed.
    #[must_use]
    pub const fn artifact(self) -> Option<ArtifactKind> {
        match self {
            Self::Signature(form) => Some(ArtifactKind::Signature(form)),
            Self::Attestation(kind) => Some(ArtifactKind::Attestation(kind)),
            Self::Gate | Self::Image | Self::Tag(_) => None,
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(form) => write!(formatter, "signature/{form}"),
            Self::Attestation(kind) => write!(formatter, "attestation/{kind}"),
        }
    }
}
