//! What stands by now where something is about to be attached.
//!
//! Between the look and the write another process may have signed: one with a state of its own, and the same key. What it
//! made is taken for ours, so that nothing is signed twice into one registry by one signer.

use super::artifact::Verified;
use super::failure::Failure;
use super::unit::UnitTask;
use super::world::World;
use crate::facts::Evidence;
use crate::model::{ArtifactKind, Descriptor, Digest, Repository, SignatureForm, media_type};
use crate::registry::{ManifestAt, Registry};
use crate::trust::referrer::SIGNATURES;

impl<W: World> UnitTask<W> {
    /// An artifact of the same kind and by the same signer as `wanted` that stands there: the one with the lowest digest.
    /// `None` where there is none, or `wanted` itself stands.
    pub(super) async fn standing_referrer(
        &self,
        place: &Repository,
        wanted: &Verified,
    ) -> Result<Option<Evidence>, Failure> {
        let Evidence { kind, digest, by } = wanted.evidence;
        let registry = self.world.registry();
        let listed = registry.referrers(place, &self.view.digest).await;
        let listed = listed.map_err(|error| Failure::reading(&error))?.descriptors;
        let mut candidates: Vec<Digest> = listed
            .iter()
            .filter(|listed| may_be(kind, listed))
            .map(|listed| listed.digest)
            .collect();
        candidates.sort_unstable();
        if candidates.contains(&digest) || candidates.len() > self.shared.limits.descriptors {
            return Ok(None);
        }
        for candidate in candidates {
            // What is listed and gone is nothing; what cannot be read may be ours.
            let there = registry.head_manifest(place, ManifestAt::Digest(&candidate)).await;
            if there.map_err(|error| Failure::reading(&error))?.is_none() {
                continue;
            }
            if let Ok(found) = self.read_artifact(kind, candidate, place).await
                && found.evidence.by == by
            {
                tracing::warn!(
                    repository = %place, digest = %self.view.digest, standing = %candidate, ours = %digest,
                    "another process signed this with the same key meanwhile: what stands is kept"
                );
                return Ok(Some(found.evidence));
            }
        }
        Ok(None)
    }
}

/// The list's artifact type alone proves nothing, but what is of another one is none.
fn may_be(kind: ArtifactKind, listed: &Descriptor) -> bool {
    match listed.artifact_type.as_deref() {
        None | Some("" | media_type::OCI_EMPTY) => true,
        Some(artifact_type) if kind == ArtifactKind::Signature(SignatureForm::Referrer) => artifact_type == SIGNATURES,
        Some(artifact_type) => artifact_type.starts_with("application/vnd.dev.sigstore.bundle"),
    }
}
