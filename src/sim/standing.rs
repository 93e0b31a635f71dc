//! What stands in a store, read without any of the code under test but the verification of signatures.

use std::collections::BTreeSet;

use super::registry::{Contents, RegistryState, Store};
use super::verdicts::{BundleVerdict, Verdicts};
use crate::model::{Descriptor, Digest, Repository, SignerIdentity, Tag};
use crate::trust::referrer::bundle_layer;
use crate::trust::signature_referrer;

/// What a client would find of one image.
#[derive(Debug, Default)]
pub struct Standing {
    /// Every manifest and blob of it.
    pub image: bool,
    /// Bundles that verify as signatures, by their manifest, and whose they are.
    pub bundles: BTreeSet<(Digest, SignerIdentity)>,
    /// Entries under `.sig` that verify.
    pub entries: BTreeSet<(Digest, SignerIdentity)>,
    /// Manifests that refer to the image and hold an entry that verifies.
    pub signature_referrers: BTreeSet<(Digest, SignerIdentity)>,
    /// Promotion records that verify for the public reference.
    pub attestations: BTreeSet<(Digest, SignerIdentity)>,
}

impl Standing {
    #[must_use]
    pub fn read(
        store: &Store,
        repository: &Repository,
        digest: &Digest,
        public_reference: &Repository,
        verdicts: &Verdicts,
    ) -> Self {
        let look = |contents: &Contents, registry: &RegistryState| {
            Self::of(contents, registry, digest, public_reference, verdicts)
        };
        store.look(repository, look).unwrap_or_default()
    }

    fn of(
        contents: &Contents,
        registry: &RegistryState,
        digest: &Digest,
        public_reference: &Repository,
        verdicts: &Verdicts,
    ) -> Self {
        let mut standing = Self {
            image: is_whole(contents, digest),
            ..Self::default()
        };
        for referrer in referrers(registry, contents, digest) {
            let stored = contents.manifests.get(&referrer);
            let Some(manifest) = stored.and_then(|stored| stored.parsed.as_deref()) else {
                continue;
            };
            for layer in signature_referrer::layers(manifest) {
                let payload = blob(registry, contents, layer);
                let entry =
                    payload.and_then(|payload| verdicts.entry(layer, payload.clone(), digest, public_reference));
                standing.signature_referrers.extend(entry.map(|(_, by)| (referrer, by)));
            }
            let Some(layer) = bundle_layer(manifest) else { continue };
            let Some(bytes) = blob(registry, contents, layer) else {
                continue;
            };
            match verdicts.bundle(&layer.digest, bytes, digest, public_reference) {
                BundleVerdict::Nothing => {}
                BundleVerdict::Signature(by) => {
                    standing.bundles.insert((referrer, by));
                }
                BundleVerdict::Promotion(by) => {
                    standing.attestations.insert((referrer, by));
                }
            }
        }
        let signatures = contents.tags.get(&Tag::cosign(digest, "sig"));
        if let Some(manifest) = signatures.and_then(|at| contents.manifests.get(at)?.parsed.as_deref()) {
            for layer in &manifest.layers {
                let payload = blob(registry, contents, layer);
                let entry =
                    payload.and_then(|payload| verdicts.entry(layer, payload.clone(), digest, public_reference));
                standing.entries.extend(entry);
            }
        }
        standing
    }

    /// Whether every manifest and blob below a digest is there.
    #[must_use]
    pub fn is_whole(store: &Store, repository: &Repository, digest: &Digest) -> bool {
        let look = |contents: &Contents, _: &RegistryState| is_whole(contents, digest);
        store.look(repository, look).unwrap_or_default()
    }

    /// What of an image's manifests and blobs is not there, the image itself where it cannot be read.
    #[must_use]
    pub fn missing(store: &Store, repository: &Repository, digest: &Digest) -> BTreeSet<Digest> {
        let look = |contents: &Contents, _: &RegistryState| {
            let mut lacking = BTreeSet::new();
            missing(contents, digest, &mut lacking);
            lacking
        };
        store.look(repository, look).unwrap_or_else(|| [*digest].into())
    }
}

fn blob<'a>(registry: &'a RegistryState, contents: &Contents, layer: &Descriptor) -> Option<&'a bytes::Bytes> {
    registry
        .blob(contents, &layer.digest)
        .filter(|blob| blob.computed == layer.digest)
        .map(|blob| &blob.bytes)
}

fn is_whole(contents: &Contents, digest: &Digest) -> bool {
    let mut lacking = BTreeSet::new();
    missing(contents, digest, &mut lacking);
    lacking.is_empty()
}

fn missing(contents: &Contents, digest: &Digest, lacking: &mut BTreeSet<Digest>) {
    let stored = contents
        .manifests
        .get(digest)
        .filter(|stored| stored.computed == *digest);
    let Some(manifest) = stored.and_then(|stored| stored.parsed.as_deref()) else {
        lacking.insert(*digest);
        return;
    };
    let blobs = manifest.blobs().map(|blob| blob.digest);
    lacking.extend(blobs.filter(|blob| !contents.blobs.contains(blob)));
    for child in &manifest.manifests {
        missing(contents, &child.digest, lacking);
    }
}

/// What a client is told refers to the image: by the registry, or by the fallback index.
fn referrers(registry: &RegistryState, contents: &Contents, digest: &Digest) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    if registry.behaviour.referrers_api {
        found.extend(contents.manifests.iter().filter_map(|(referrer, stored)| {
            let subject = stored.parsed.as_ref()?.subject.as_ref()?;
            (subject.digest == *digest).then_some(*referrer)
        }));
    }
    let index = contents
        .tags
        .get(&Tag::referrers_of(digest))
        .and_then(|at| contents.manifests.get(at).filter(|stored| stored.computed == *at))
        .and_then(|stored| stored.parsed.as_deref());
    found.extend(
        index
            .into_iter()
            .flat_map(|index| &index.manifests)
            .map(|entry| entry.digest),
    );
    found
}
