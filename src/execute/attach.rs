//! Putting signatures and attestations beside an image: the same bytes everywhere.

use futures_util::FutureExt;

use super::artifact::{Artifact, Verified};
use super::attach_referrer::{Needs, Referrer};
use super::blob::read_small;
use super::failure::Failure;
use super::journal::Journal;
use super::provider::read_manifest;
use super::sign::artifact_kind;
use super::unit::{StepResult, UnitTask};
use super::world::World;
use crate::facts::Evidence;
use crate::model::{
    ArtifactKind, Descriptor, Digest, EndpointIndex, Obstacle, ObstacleKind, Repository, SignatureForm, Slot, Tag,
};
use crate::plan::{Content, Provider};
use crate::registry::{ManifestAt, Registry};
use crate::transfer;
use crate::trust::{ReferrerArtifact, SignatureEntry, referrer, signature_manifest};

impl<W: World> UnitTask<W> {
    pub(super) async fn attach(
        &self,
        slot: Slot,
        content: Content,
        from: &[Provider],
        endpoint: EndpointIndex,
    ) -> StepResult {
        let kind = artifact_kind(slot)?;
        let obtained = self
            .artifact(slot, Box::pin(self.obtained(kind, content, from)))
            .await?;
        self.ensure_admitted()?;
        let place = self.view.place(endpoint);
        let evidence = match &obtained.artifact {
            Artifact::Referrer(referrer) => match self.standing_referrer(place, &obtained).await? {
                Some(standing) => standing,
                None => {
                    self.put_referrer(place, referrer).await?;
                    obtained.evidence
                }
            },
            Artifact::Entry(entry) => Evidence {
                digest: self.put_signature(place, entry, obtained.evidence.by).await?,
                ..obtained.evidence
            },
        };
        Ok(Some(evidence))
    }

    async fn put_referrer(&self, place: &Repository, artifact: &ReferrerArtifact) -> Result<(), Failure> {
        let blobs: Vec<Descriptor> = artifact.blobs.iter().map(|(blob, _)| blob.clone()).collect();
        let referrer = Referrer {
            subject: &self.view.digest,
            entry: &artifact.descriptor,
            needs: Needs {
                blobs: &blobs,
                ..Needs::default()
            },
        };
        let sent = transfer::Artifact {
            media_type: artifact.descriptor.media_type.clone(),
            manifest: artifact.manifest.clone(),
            blobs: artifact.blobs.clone(),
        };
        let send = self
            .shared
            .transfer
            .put_referrer(self.world.registry(), place, &sent)
            .boxed();
        self.put_listed(place, referrer, send).await
    }

    /// Bytes that were made before, and verify still.
    async fn obtained(&self, kind: ArtifactKind, content: Content, from: &[Provider]) -> Result<Verified, Failure> {
        match content {
            Content::MadeHere => Err(Failure::stale("it was to be signed in this run and was not")),
            Content::Journal(digest) => self.journalled(kind, digest).await,
            Content::Known(digest) => {
                self.read_from(from, |place| Box::pin(self.read_artifact(kind, digest, place)))
                    .await
            }
        }
    }

    async fn journalled(&self, kind: ArtifactKind, digest: Digest) -> Result<Verified, Failure> {
        let kept = self
            .world
            .journal()
            .kept(&self.view.artifact_key(kind)?)?
            .ok_or_else(|| Failure::stale(format_args!("the state holds no signed bytes of {digest} any more")))?;
        let kept = self.verified(kind, &kept, self.subject().await?)?;
        if kept.evidence.digest != digest {
            let found = kept.evidence.digest;
            return Err(Failure::stale(format_args!(
                "the state holds signed bytes of {found}, not of {digest}"
            )));
        }
        Ok(kept)
    }

    pub(super) async fn read_artifact(
        &self,
        kind: ArtifactKind,
        digest: Digest,
        place: &Repository,
    ) -> Result<Verified, Obstacle> {
        let artifact = match kind {
            ArtifactKind::Signature(SignatureForm::Tag) => {
                self.read_entry(&digest, place).await.map(Artifact::Entry)?
            }
            _ => self.read_referrer(&digest, place).await.map(Artifact::Referrer)?,
        };
        self.verify(kind, artifact)
            .map_err(|failure| failure.obstacle().clone())
    }

    async fn read_referrer(&self, digest: &Digest, place: &Repository) -> Result<ReferrerArtifact, Obstacle> {
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        let read = read_manifest(registry, place, digest, limits).await?;
        if read.manifest.subject.as_ref().map(|subject| subject.digest) != Some(self.view.digest) {
            return Err(content(format_args!(
                "{place}@{digest} does not refer to {}",
                self.view.digest
            )));
        }
        let mut blobs = Vec::new();
        for blob in read.manifest.blobs() {
            blobs.push((blob.clone(), read_small(registry, place, blob, limits).await?));
        }
        Ok(ReferrerArtifact {
            descriptor: referrer::index_entry(&read.manifest, *digest, read.fetched.bytes.len() as u64),
            manifest: read.fetched.bytes,
            blobs,
        })
    }

    async fn read_entry(&self, id: &Digest, place: &Repository) -> Result<SignatureEntry, Obstacle> {
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        let tag = Tag::cosign(&self.view.digest, "sig");
        let standing = registry
            .manifest(place, ManifestAt::Tag(&tag))
            .await
            .map_err(|error| Obstacle::from(&error))?
            .ok_or_else(|| Obstacle::new(ObstacleKind::Missing, format_args!("{place} does not have {tag}")))?;
        let layers = signature_manifest::parse(&standing.bytes, limits).map_err(content)?;
        let layer = layers
            .into_iter()
            .find(|layer| signature_manifest::entry_id(layer) == Some(*id))
            .ok_or_else(|| {
                let what = format_args!("{place}:{tag} does not hold signature {id}");
                Obstacle::new(ObstacleKind::Missing, what)
            })?;
        let payload = read_small(registry, place, &layer, limits).await?;
        SignatureEntry::found(layer, payload).map_err(content)
    }
}

/// It was read, and is not what was looked for.
fn content(why: impl std::fmt::Display) -> Obstacle {
    Obstacle::new(ObstacleKind::Content, why)
}
