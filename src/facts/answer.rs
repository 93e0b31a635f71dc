//! What a registry can answer. An error is never an absence.

use std::sync::Arc;

use crate::model::{
    Admission, ArtifactKind, Capability, Carried, Digest, Obstacle, ObstacleKind, Repository, SignerIdentity, Tag,
};

/// One endpoint's answer to one [`super::Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Endpoint,
    /// `None`: the registry does not know the repository.
    Tags(Option<Vec<Tag>>),
    Image(ImageAnswer),
    Evidence(EvidenceAnswer),
    Tag(Option<Digest>),
    Source(SourceAnswer),
    /// There is none, and why: an error, a refusal, a half-read list. Holds until the next look.
    Failed(Arc<Obstacle>),
}

impl Answer {
    /// No answer, of which nobody told more than this.
    #[must_use]
    pub fn failed(kind: ObstacleKind, text: impl std::fmt::Display) -> Self {
        Self::Failed(Arc::new(Obstacle::new(kind, text)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageAnswer {
    /// Whole, to the depth that was asked for.
    Whole,
    /// Likewise; and the manifests below its own, all levels together.
    WholeWith(Arc<[Digest]>),
    /// The manifest, one of its children, or a blob is not there.
    Lacking,
}

/// What stands beside an image and verifies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvidenceAnswer {
    pub found: Vec<Evidence>,
    /// What of it one key says more than once.
    pub twice: Vec<Twice>,
    /// Of what travels with the image, what is not there. Looked for: the list the question's unit has, and that of
    /// `admission`.
    pub missing_carried: Vec<Carried>,
    /// A promotion record that verifies for exactly this public reference and digest.
    pub admission: Option<Arc<Admission>>,
}

/// One verified artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    pub kind: ArtifactKind,
    /// The referrer manifest's; for the tag form the entry's identity, for layers under one `.sig` tag come and go on
    /// their own.
    pub digest: Digest,
    /// Whose key it verifies with. Whether that one counts is judged when it is planned, not when it is found.
    pub by: SignerIdentity,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAnswer {
    Whole(Arc<SourceImage>),
    /// The image is whole, but something beside it is not, or cannot be read: what `image` says travels leaves that out.
    WithoutAll {
        image: Arc<SourceImage>,
        left: Arc<[LeftBehind]>,
    },
    /// The source does not have the digest.
    Absent,
    /// The source lacks parts of the image itself.
    Lacking(Arc<[Digest]>),
    /// It cannot be promoted: over a limit, Docker schema 1, not a manifest.
    Refused(Arc<Obstacle>),
}

impl SourceAnswer {
    /// What can be read there, whether or not it may be promoted as it is.
    #[must_use]
    pub fn image(&self) -> Option<&Arc<SourceImage>> {
        match self {
            Self::Whole(image) | Self::WithoutAll { image, .. } => Some(image),
            Self::Absent | Self::Lacking(_) | Self::Refused(_) => None,
        }
    }
}

/// Something beside an image that does not travel with it, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeftBehind {
    pub digest: Digest,
    pub why: Arc<str>,
}

/// One key's signatures of one form that say the same at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The lowest digest: it stays and is spread.
    pub kept: Evidence,
    pub others: Arc<[Digest]>,
}

/// What the source offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceImage {
    /// Where it was read.
    pub repository: Repository,
    /// The manifests below its own, all levels together.
    pub below: Arc<[Digest]>,
    /// What a registry must be able to take to hold its manifests, each once.
    pub needs: Arc<[Capability]>,
    /// What will travel with the image.
    pub carried: Arc<[Carried]>,
    /// Read at an endpoint of the claim itself, because its source has gone.
    pub found_standing: bool,
    /// Signatures by the target's signer that the source holds already: they travel instead of being made anew.
    pub found: Vec<Evidence>,
}
