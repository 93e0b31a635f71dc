//! What stands in a store, read without any of the code under test but the verification of signatures.

use std::collections::BTreeSet;

use super::registry::{Contents, Store};
use super::verdicts::{BundleVerdict, Verdicts};
use crate::model::{Descriptor, Digest, Limits, Manifest, ManifestKind, Repository, Tag};
use crate::trust::referrer::bundle_layer;

/// What a client would find of one image.
#[derive(Debug, Default)]
pub struct Standing {
    /// Every manifest and blob of it.
    pub image: bool,
    /// Every manifest of it.
    pub manifests: bool,
    /// Bundles that verify as signatures, by their manifest.
    pub bundles: BTreeSet<Digest>,
    /// Entries under `.sig` that verify.
    pub entries: BTreeSet<Digest>,
    /// Promotion records that verify for the public reference.
    pub attestations: BTreeSet<Digest>,
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
        let Some(contents) = store.contents(repository) else {
            return Self::default();
        };
        let mut standing = Self {
            image: is_whole(&contents, digest, true),
            manifests: is_whole(&contents, digest, false),
            ..Self::default()
        };
        for referrer in referrers(store, repository, &contents, digest) {
            let Some(manifest) = contents
                .manifests
                .get(&referrer)
                .and_then(|stored| stored.parsed.clone())
            else {
                continue;
            };
            let Some(layer) = bundle_layer(&manifest) else { continue };
            let Some(bytes) = blob(store, repository, layer) else {
                continue;
            };
            match verdicts.bundle(&layer.digest, &bytes, digest, public_reference) {
                BundleVerdict::Nothing => {}
                BundleVerdict::Signature => {
                    standing.bundles.insert(referrer);
                }
                BundleVerdict::Promotion => {
                    standing.attestations.insert(referrer);
                }
            }
        }
        let signatures = contents.tags.get(&Tag::cosign(digest, "sig"));
        if let Some(manifest) = signatures.and_then(|at| contents.manifests.get(at)?.parsed.clone()) {
            for layer in &manifest.layers {
                let payload = blob(store, repository, layer);
                let entry = payload.and_then(|payload| verdicts.entry(layer, payload, digest));
                standing.entries.extend(entry);
            }
        }
        standing
    }

    /// Whether every manifest and blob below a digest is there.
    #[must_use]
    pub fn is_whole(store: &Store, repository: &Repository, digest: &Digest) -> bool {
        store
            .contents(repository)
            .is_some_and(|contents| is_whole(&contents, digest, true))
    }
}

fn blob(store: &Store, repository: &Repository, layer: &Descriptor) -> Option<bytes::Bytes> {
    store
        .blob(repository, &layer.digest)
        .filter(|bytes| Digest::of(bytes) == layer.digest)
}

fn is_whole(contents: &Contents, digest: &Digest, blobs: bool) -> bool {
    let Some(stored) = contents.manifests.get(digest) else {
        return false;
    };
    let Some(manifest) = stored
        .parsed
        .as_deref()
        .filter(|_| Digest::of(&stored.bytes) == *digest)
    else {
        return false;
    };
    (!blobs || manifest.blobs().all(|blob| contents.blobs.contains(&blob.digest)))
        && (manifest.kind == ManifestKind::Image
            || manifest
                .manifests
                .iter()
                .all(|child| is_whole(contents, &child.digest, blobs)))
}

/// What a client is told refers to the image: by the registry, or by the fallback index.
fn referrers(store: &Store, repository: &Repository, contents: &Contents, digest: &Digest) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    if store.behaviour(&repository.registry).referrers_api {
        found.extend(contents.manifests.iter().filter_map(|(referrer, stored)| {
            let subject = stored.parsed.as_ref()?.subject.as_ref()?;
            (subject.digest == *digest).then_some(*referrer)
        }));
    }
    let index = contents
        .tags
        .get(&Tag::referrers_of(digest))
        .and_then(|at| contents.manifests.get(at))
        .and_then(|stored| Manifest::parse(&stored.bytes, None, &Limits::default()).ok());
    found.extend(
        index
            .into_iter()
            .flat_map(|index| index.manifests)
            .map(|entry| entry.digest),
    );
    found
}
