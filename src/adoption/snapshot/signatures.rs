//! Whether an image is signed by certain keys: verified, not merely accompanied by something.

use futures_util::StreamExt as _;

use super::ReadError;
use crate::model::{Descriptor, Digest, Limits, Manifest, Repository, Tag, media_type};
use crate::registry::{ManifestAt, Registry, RegistryError};
use crate::trust::{PublicKey, SignatureEntry, bundle, referrer, signature_manifest};

/// In either of cosign's forms. What does not verify does not count; what cannot be read is an error.
pub async fn is_signed<R: Registry>(
    registry: &R,
    repository: &Repository,
    image: &Digest,
    keys: &[PublicKey],
    limits: &Limits,
) -> Result<bool, ReadError> {
    let place = Place {
        registry,
        repository,
        image,
        keys,
        limits,
    };
    Ok(place.has_bundle().await? || place.has_entry().await?)
}

struct Place<'a, R> {
    registry: &'a R,
    repository: &'a Repository,
    image: &'a Digest,
    keys: &'a [PublicKey],
    limits: &'a Limits,
}

impl<R: Registry> Place<'_, R> {
    /// cosign 3: a bundle that refers to the image.
    async fn has_bundle(&self) -> Result<bool, ReadError> {
        let referrers = self.registry.referrers(self.repository, self.image).await?;
        let candidates = referrers.descriptors.iter().filter(|listed| may_be_bundle(listed));
        for candidate in candidates.take(self.limits.descriptors) {
            let at = ManifestAt::Digest(&candidate.digest);
            let Some(fetched) = self.registry.manifest(self.repository, at).await? else {
                continue;
            };
            // Foreign referrers need not be manifests that landfall knows.
            let Ok(manifest) = Manifest::parse(&fetched.bytes, None, self.limits) else {
                continue;
            };
            let speaks_of = manifest.subject.as_ref().map(|subject| subject.digest);
            let Some(layer) = referrer::bundle_layer(&manifest).filter(|_| speaks_of == Some(*self.image)) else {
                continue;
            };
            if let Some(bytes) = self.small_blob(layer).await?
                && bundle::verify_signature(&bytes, self.keys, self.image).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// cosign 2: a layer of the manifest under `sha256-<hex>.sig`.
    async fn has_entry(&self) -> Result<bool, ReadError> {
        let tag = Tag::cosign(self.image, "sig");
        let Some(fetched) = self.registry.manifest(self.repository, ManifestAt::Tag(&tag)).await? else {
            return Ok(false);
        };
        let layers =
            signature_manifest::parse(&fetched.bytes, self.limits).map_err(|source| ReadError::Signatures {
                repository: self.repository.clone(),
                image: *self.image,
                source,
            })?;
        for layer in layers {
            if let Some(payload) = self.small_blob(&layer).await?
                && let Ok(entry) = SignatureEntry::found(layer, payload.into())
                && entry.verify(self.keys, self.image).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `None` where it is not there, or too large to be what is looked for.
    async fn small_blob(&self, blob: &Descriptor) -> Result<Option<Vec<u8>>, RegistryError> {
        if blob.size > self.limits.small_blob as u64 {
            return Ok(None);
        }
        let Some(mut pieces) = self.registry.blob(self.repository, blob).await? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(Some(bytes))
    }
}

/// A list's artifact type is a hint: go-containerregistry's registry gives the configuration's media type for it.
fn may_be_bundle(listed: &Descriptor) -> bool {
    match listed.artifact_type.as_deref() {
        None | Some("" | media_type::OCI_EMPTY) => true,
        Some(artifact_type) => artifact_type.starts_with("application/vnd.dev.sigstore.bundle"),
    }
}
