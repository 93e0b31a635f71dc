//! What registries showed, in a form that is kept between runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{CommitId, Digest, PolicyMode, RepoPath, Repository, SignatureForm, Tag, Verdict};

/// What came of a question. What was not seen is neither there nor absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer<T> {
    Seen(T),
    NotSeen(Arc<str>),
}

impl<T> Answer<T> {
    pub const fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::NotSeen(_) => None,
        }
    }

    pub const fn not_seen(&self) -> Option<&Arc<str>> {
        match self {
            Self::Seen(_) => None,
            Self::NotSeen(why) => Some(why),
        }
    }
}

/// What stands of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Whole,
    Absent,
    /// Its manifest is there; these, which it reaches, are not.
    Incomplete(Vec<Digest>),
    /// The registry serves something else than the digest names, and what.
    Corrupt(Arc<str>),
}

/// What kind of statement something beside an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// A bundle that signs the image.
    Bundle,
    /// A layer under cosign's `.sig` tag.
    Tag,
    /// The same in a manifest that refers to the image.
    Referrer,
    /// A promotion record.
    Record,
    /// A bundle with another statement; where it does not verify with our keys, nobody knows which.
    Other,
}

impl EvidenceKind {
    /// The kind of a signature in this form.
    #[must_use]
    pub const fn of(form: SignatureForm) -> Self {
        match form {
            SignatureForm::Bundle => Self::Bundle,
            SignatureForm::Tag => Self::Tag,
            SignatureForm::Referrer => Self::Referrer,
        }
    }
}

/// Something beside an image that could be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    pub kind: EvidenceKind,
    /// The manifest, or the entry, that it is.
    pub artifact: Digest,
    /// The fingerprint of the key of ours that it verifies with; somebody else's without.
    pub by: Option<Digest>,
}

/// A promotion record that one of our keys signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordFound {
    pub artifact: Digest,
    pub by: Digest,
    /// What it is for; a record of another reference says nothing about this one.
    pub public_reference: Repository,
    pub commit: CommitId,
    pub path: RepoPath,
    pub author: String,
    pub source: Repository,
    pub policy: Digest,
    pub mode: PolicyMode,
    pub verdict: Verdict,
    pub admitted_at: jiff::Timestamp,
    pub recorded_at: jiff::Timestamp,
}

/// An image that is asked for, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFacts {
    pub state: Answer<State>,
    /// The image's manifests, its own among them, and what refers to it: metadata may speak of each.
    pub known: Vec<Digest>,
    /// What stands beside it.
    pub evidence: Answer<Vec<Evidence>>,
    pub records: Vec<RecordFound>,
}

/// A digest that no line of Git asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrangerFacts {
    /// What stands beside it in our name.
    pub ours: Answer<Vec<Evidence>>,
}

/// A repository at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceFacts {
    pub place: Repository,
    /// `None` where the registry does not know the repository, or it was not to be listed.
    pub listed: Answer<Option<Vec<Tag>>>,
    /// What tags stand on; `None` where they do not stand.
    pub tags: BTreeMap<Tag, Answer<Option<Digest>>>,
    pub images: BTreeMap<Digest, ImageFacts>,
    pub strangers: BTreeMap<Digest, StrangerFacts>,
    /// Whether all manifests of what was ever asked for here are known: metadata may belong to one of those that are not.
    pub all_known: bool,
}

impl PlaceFacts {
    /// What could not be looked at, and why.
    pub fn not_seen(&self) -> impl Iterator<Item = (String, &Arc<str>)> {
        let place = &self.place;
        let list = self.listed.not_seen().map(|why| (format!("the tags of {place}"), why));
        let tags = self.tags.iter().filter_map(move |(tag, answer)| {
            let why = answer.not_seen()?;
            Some((format!("{place}:{tag}"), why))
        });
        let images = self.images.iter().flat_map(move |(digest, image)| {
            let state = image.state.not_seen().map(|why| (format!("{place}@{digest}"), why));
            let evidence = image.evidence.not_seen();
            state
                .into_iter()
                .chain(evidence.map(|why| (format!("beside {place}@{digest}"), why)))
        });
        let strangers = self.strangers.iter().filter_map(move |(digest, stranger)| {
            let why = stranger.ours.not_seen()?;
            Some((format!("beside {place}@{digest}"), why))
        });
        list.into_iter().chain(tags).chain(images).chain(strangers)
    }
}
