//! One thing that a commit changed.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, RepoPath, Tag};

/// What happened. `before` and `after` are digests of images, values of settings, or fingerprints of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A tag, or a digest without one, is asked for where it was not.
    Promoted,
    /// A tag is asked for with another digest.
    Moved,
    /// It is no longer asked for.
    Removed,
    /// It is asked for as before, by another project.
    HandedOver,
    /// A line is wrong, and nothing is done for it.
    Held,
    /// A project's files cannot be read: those of an older commit go on counting.
    Unreadable,
    /// The commit is refused as a whole: what was asked for before goes on counting.
    Refused,
    /// A key under `[targets]` of landfall.toml.
    Target,
    /// A key under `[projects]`: who may promote what.
    Grant,
    /// A key under `[signers]`.
    Signer,
    /// A key under `[policies]`.
    Policy,
    /// An immutable tag may move to a digest, or no longer may.
    Retag,
    /// Any other key of landfall.toml.
    Setting,
    /// A file in `keys/` or `trust/`.
    Key,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Promoted,
        Self::Moved,
        Self::Removed,
        Self::HandedOver,
        Self::Held,
        Self::Unreadable,
        Self::Refused,
        Self::Target,
        Self::Grant,
        Self::Signer,
        Self::Policy,
        Self::Retag,
        Self::Setting,
        Self::Key,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Moved => "moved",
            Self::Removed => "removed",
            Self::HandedOver => "handed-over",
            Self::Held => "held",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Target => "target",
            Self::Grant => "grant",
            Self::Signer => "signer",
            Self::Policy => "policy",
            Self::Retag => "retag",
            Self::Setting => "setting",
            Self::Key => "key",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What happened, and to what. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub kind: EventKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Arc<str>>,
    /// The public reference; of what is held and names no target, the repository below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Of what is set in landfall.toml, the key: `production.signer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Arc<str>>,
    /// What a retag's author says, why a line is held, why a commit is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<RepoPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Event {
    /// Of this kind, and nothing else is said yet.
    #[must_use]
    pub const fn new(kind: EventKind) -> Self {
        Self {
            kind,
            target: None,
            project: None,
            reference: None,
            tag: None,
            key: None,
            before: None,
            after: None,
            reason: None,
            file: None,
            line: None,
        }
    }

    /// What it speaks of: an image, a key of landfall.toml, a file.
    #[must_use]
    pub fn subject(&self) -> String {
        match (&self.reference, &self.tag, &self.key, &self.file) {
            (Some(reference), Some(tag), _, _) => format!("{reference}:{tag}"),
            (Some(reference), None, _, _) => match self.after.as_ref().or(self.before.as_ref()) {
                Some(digest) => format!("{reference}@{digest}"),
                None => reference.to_string(),
            },
            (None, _, Some(key), _) => key.to_string(),
            (None, _, None, Some(file)) => file.to_string(),
            (None, _, None, None) => self.project.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it speaks of this image digest.
    #[must_use]
    pub fn names(&self, digest: &Digest) -> bool {
        let digest = digest.to_string();
        [&self.before, &self.after]
            .into_iter()
            .flatten()
            .any(|named| **named == *digest)
    }
}
