//! What an audit finds.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{Digest, Origin, Tag};

/// What is wrong. The first ones concern what is asked for, the others what nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    Absent,
    Incomplete,
    TagAbsent,
    TagMoved,
    Unsigned,
    SignedByAnother,
    Unattested,
    RecordOfAnotherCommit,
    UnexpectedRepository,
    UnexpectedTag,
    UnexpectedDigest,
    UnexplainedSignature,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Absent,
        Self::Incomplete,
        Self::TagAbsent,
        Self::TagMoved,
        Self::Unsigned,
        Self::SignedByAnother,
        Self::Unattested,
        Self::RecordOfAnotherCommit,
        Self::UnexpectedRepository,
        Self::UnexpectedTag,
        Self::UnexpectedDigest,
        Self::UnexplainedSignature,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Incomplete => "incomplete",
            Self::TagAbsent => "tag-absent",
            Self::TagMoved => "tag-moved",
            Self::Unsigned => "unsigned",
            Self::SignedByAnother => "signed-by-another",
            Self::Unattested => "unattested",
            Self::RecordOfAnotherCommit => "record-of-another-commit",
            Self::UnexpectedRepository => "unexpected-repository",
            Self::UnexpectedTag => "unexpected-tag",
            Self::UnexpectedDigest => "unexpected-digest",
            Self::UnexplainedSignature => "unexplained-signature",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Absent => "an image that is asked for is not there",
            Self::Incomplete => "an image is there, and parts of it are not: manifests of platforms, or blobs",
            Self::TagAbsent => "a tag that is asked for does not stand",
            Self::TagMoved => "a tag stands on another digest than the one asked for",
            Self::Unsigned => "the signer's signature is missing, in the forms that are named",
            Self::SignedByAnother => "there are signatures, and none is by a key of the signer",
            Self::Unattested => "the promotion record is missing",
            Self::RecordOfAnotherCommit => {
                "the promotion record names a commit or a reference that the accepted history does not bear out"
            }
            Self::UnexpectedRepository => "a repository that no accepted commit ever asked for",
            Self::UnexpectedTag => "a tag that no accepted commit ever asked for",
            Self::UnexpectedDigest => "a tag that was asked for once stands on a digest that never was",
            Self::UnexplainedSignature => {
                "a signature or attestation in our name, of something that no accepted commit ever asked for"
            }
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Something that is not as Git's history says. Ordered by place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub target: Arc<str>,
    /// `primary`, or the mirror's name.
    pub endpoint: Arc<str>,
    /// The repository at the endpoint.
    pub place: String,
    /// The image's name for the world.
    pub reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    pub kind: FindingKind,
    /// What was found instead.
    pub detail: String,
    /// Where in Git it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The reason that an exception gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Arc<str>>,
}

impl Finding {
    /// Where it is, for people: at the endpoint, with tag or digest.
    #[must_use]
    pub fn at(&self) -> String {
        named(&self.place, self.tag.as_ref(), self.digest.as_ref())
    }

    /// The same by its public reference.
    #[must_use]
    pub fn public(&self) -> String {
        named(&self.reference, self.tag.as_ref(), self.digest.as_ref())
    }

    pub(super) fn from(mut self, origin: &Origin) -> Self {
        self.file = Some(origin.file.to_string());
        self.line = Some(origin.line);
        self
    }

    /// What findings are sorted by.
    pub(super) fn key(&self) -> impl Ord + use<> {
        (
            self.target.clone(),
            self.endpoint.clone(),
            self.place.clone(),
            self.tag.clone(),
            self.digest,
            self.kind,
            self.detail.clone(),
        )
    }
}

fn named(repository: &str, tag: Option<&Tag>, digest: Option<&Digest>) -> String {
    match (tag, digest) {
        (Some(tag), _) => format!("{repository}:{tag}"),
        (None, Some(digest)) => format!("{repository}@{digest}"),
        (None, None) => repository.to_owned(),
    }
}
