//! The older form of a signature: one layer among others under `sha256-<hex>.sig`.

use std::sync::{Mutex, PoisonError};

use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Digest, Repository, SignerIdentity, Tag};
use crate::trust::{Merge, PublicKey, SignatureEntry, signature_manifest};

impl<W: World> UnitTask<W> {
    /// Puts a signature among those that stand there, all of which stay, unless the same signer's stands among them by
    /// now. Says which one stands.
    pub(super) async fn put_signature(
        &self,
        place: &Repository,
        entry: &SignatureEntry,
        by: SignerIdentity,
    ) -> Result<Digest, Failure> {
        let keys: Vec<PublicKey> = self
            .view
            .keys()?
            .into_iter()
            .filter(|key| key.identity() == by)
            .collect();
        let stands = Mutex::new(entry.id());
        let payload = entry.descriptor();
        let payload = Descriptor::new(&payload.media_type, payload.digest, payload.size);
        // First, and also where the entry stands: an entry without its payload is no signature.
        self.shared
            .transfer
            .put_blobs(self.world.registry(), place, &[(payload, entry.payload().clone())])
            .await
            .map_err(|error| Failure::transfer(&error))?;
        let tag = Tag::cosign(&self.view.digest, "sig");
        self.merge_under_tag(place, &tag, |standing| {
            let known = standing.and_then(|manifest| self.standing_entry(manifest, entry, &keys));
            *stands.lock().unwrap_or_else(PoisonError::into_inner) = known.unwrap_or(entry.id());
            if known.is_some_and(|known| known != entry.id()) {
                tracing::warn!(
                    repository = %place, digest = %self.view.digest, standing = ?known, ours = %entry.id(),
                    "another process signed this with the same key meanwhile: what stands is kept"
                );
                return Ok(Merge::AlreadyThere);
            }
            let merged = signature_manifest::merge(standing, std::slice::from_ref(entry), &self.shared.limits)?;
            Ok(match merged {
                Merge::AlreadyThere => Merge::AlreadyThere,
                Merge::Write(mut merged) => {
                    merged
                        .blobs
                        .retain(|(blob, _)| blob.digest != entry.descriptor().digest);
                    Merge::Write(merged.into())
                }
            })
        })
        .await?;
        Ok(stands.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// An entry over the same payload that one of these keys made: `entry` itself, else the one with the lowest identity.
    fn standing_entry(&self, manifest: &[u8], entry: &SignatureEntry, keys: &[PublicKey]) -> Option<Digest> {
        let layers = signature_manifest::parse(manifest, &self.shared.limits).ok()?;
        let of_payload = layers
            .into_iter()
            .filter(|layer| layer.digest == entry.descriptor().digest);
        let entries = of_payload.filter_map(|layer| SignatureEntry::found(layer, entry.payload().clone()).ok());
        entries
            .filter(|found| found.verify(keys, &self.view.digest).is_ok())
            .map(|found| found.id())
            .min_by_key(|id| (*id != entry.id(), *id))
    }
}

impl From<crate::trust::MergedManifest> for Merged {
    fn from(merged: crate::trust::MergedManifest) -> Self {
        Self {
            media_type: merged.descriptor.media_type,
            manifest: merged.manifest,
            blobs: merged.blobs,
        }
    }
}
