//! The older form of a signature: one layer among others under `sha256-<hex>.sig`.

use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Repository, Tag};
use crate::trust::{Merge, SignatureEntry, signature_manifest};

impl<W: World> UnitTask<W> {
    /// Puts a signature among those that stand there, all of which stay.
    pub(super) async fn put_signature(&self, place: &Repository, entry: &SignatureEntry) -> Result<(), Failure> {
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
        .await
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
