//! Whether something can be deleted: it is tried, and looked at afterwards.

use crate::model::{Digest, Knowledge, Repository, Tag};
use crate::registry::{HttpRegistries, ManifestAt, RegistryError};

impl HttpRegistries {
    /// Deletes a tag, and looks whether it is gone and the manifest that it stood on is not.
    ///
    /// # Errors
    /// Where it cannot be said what came of it.
    pub async fn probe_tag_deletion(
        &self,
        repository: &Repository,
        tag: &Tag,
        stands_on: &Digest,
    ) -> Result<Knowledge, RegistryError> {
        let outcome = self.remove_tag(repository, tag).await;
        let stands = self.manifest_digest(repository, ManifestAt::Tag(tag)).await?.is_some();
        let whole = self
            .manifest_digest(repository, ManifestAt::Digest(stands_on))
            .await?
            .is_some();
        Ok(match (outcome, stands, whole) {
            (_, _, false) => Knowledge::probed(false, "with the tag its manifest is deleted, and all its other tags"),
            (Err(refused), true, true) => refused.inability(),
            (_, false, true) => Knowledge::probed(true, "the manifest stays"),
            (Ok(_), true, true) => Knowledge::probed(false, "the registry accepts it, and the tag still stands"),
        })
    }

    /// Deletes a manifest, and looks whether it is gone.
    ///
    /// # Errors
    /// Where it cannot be said what came of it.
    pub async fn probe_manifest_deletion(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Knowledge, RegistryError> {
        let outcome = self.remove_manifest(repository, digest).await;
        let stands = self
            .manifest_digest(repository, ManifestAt::Digest(digest))
            .await?
            .is_some();
        Ok(match (outcome, stands) {
            (_, false) => Knowledge::probed(true, "it is gone at once"),
            (Err(refused), true) => refused.inability(),
            (Ok(_), true) => Knowledge::probed(false, "the registry accepts it, and the manifest still stands"),
        })
    }
}
