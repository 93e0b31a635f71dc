//! Others who write to the same registries.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;
use serde_json::{Value, json};

use super::{Contents, Store};
use crate::model::{Digest, Repository, Tag, media_type};

/// Changes the repository that a request is about to reach.
pub type SecondWriter = dyn FnMut(&Store, &Repository, &mut SmallRng) + Send;

/// Moves one of the repository's tags to another of its manifests.
#[must_use]
pub fn moves_tags() -> Box<SecondWriter> {
    Box::new(|store, repository, rng| {
        let Some(held) = store.contents(repository) else {
            return;
        };
        let tag = held.tags.iter().filter(|(tag, _)| !tag.is_metadata()).choose(rng);
        if let Some((tag, standing)) = tag
            && let Some(other) = held.manifests.keys().filter(|digest| *digest != standing).choose(rng)
        {
            store.set_tag(repository, tag, *other);
        }
    })
}

/// Signs one of the repository's images with a key of its own, in cosign's older form: into the `.sig` manifest that is
/// there, or into a new one.
#[must_use]
pub fn adds_foreign_signatures() -> Box<SecondWriter> {
    Box::new(|store, repository, rng| {
        let Some((held, subject)) = subject(store, repository, rng) else {
            return;
        };
        let tag = Tag::cosign(&subject, "sig");
        let standing = held.tags.get(&tag).and_then(|digest| held.manifests.get(digest));
        let standing = standing.and_then(|manifest| serde_json::from_slice::<Value>(&manifest.bytes).ok());
        let mut manifest = standing
            .filter(|manifest| manifest["layers"].is_array())
            .unwrap_or_else(|| {
                json!({
                    "schemaVersion": 2,
                    "mediaType": media_type::OCI_MANIFEST,
                    "config": blob(store, repository, "application/vnd.oci.image.config.v1+json", b"{\"rootfs\":{}}"),
                    "layers": [],
                })
            });
        let payload = json!({ "critical": { "image": { "docker-manifest-digest": subject } } }).to_string();
        let mut layer = blob(store, repository, media_type::SIMPLE_SIGNING, payload.as_bytes());
        layer["annotations"] =
            json!({ "dev.cosignproject.cosign/signature": format!("{:032x}", rng.random::<u128>()) });
        if let Some(layers) = manifest["layers"].as_array_mut() {
            layers.push(layer);
        }
        let digest = store.add_manifest(repository, media_type::OCI_MANIFEST, manifest.to_string().into());
        store.set_tag(repository, &tag, digest);
    })
}

/// Attaches an artifact to one of the repository's images, as a referrer.
#[must_use]
pub fn adds_foreign_referrers() -> Box<SecondWriter> {
    Box::new(|store, repository, rng| {
        let Some((held, subject)) = subject(store, repository, rng) else {
            return;
        };
        let Some(manifest) = held.manifests.get(&subject) else {
            return;
        };
        let content = format!("{:032x}", rng.random::<u128>());
        let referrer = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "artifactType": "application/vnd.example.scan",
            "config": blob(store, repository, media_type::OCI_EMPTY, b"{}"),
            "layers": [blob(store, repository, "text/plain", content.as_bytes())],
            "subject": { "mediaType": manifest.media_type, "digest": subject, "size": manifest.bytes.len() },
        });
        let digest = store.add_manifest(repository, media_type::OCI_MANIFEST, referrer.to_string().into());
        if !store.behaviour(&repository.registry).referrers_api {
            store.add_to_fallback_index(repository, &digest);
        }
    })
}

/// One of the tagged images, and everything around it.
fn subject(store: &Store, repository: &Repository, rng: &mut SmallRng) -> Option<(Contents, Digest)> {
    let held = store.contents(repository)?;
    let images: BTreeMap<_, _> = held.tags.iter().filter(|(tag, _)| !tag.is_metadata()).collect();
    let subject = images
        .into_values()
        .filter(|digest| held.manifests.contains_key(*digest))
        .choose(rng)
        .copied()?;
    Some((held, subject))
}

fn blob(store: &Store, repository: &Repository, media_type: &str, content: &[u8]) -> Value {
    let digest = store.add_blob(repository, Bytes::copy_from_slice(content));
    json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Seed;
    use crate::sim::images::ImageRecipe;
    use crate::sim::registry::Behaviour;

    fn prepared() -> (Store, Repository, Digest) {
        let store = Store::new();
        let here: Repository = "one.test/app".parse().unwrap();
        let image = ImageRecipe::single().make(Seed(1));
        image.push(&store, &here);
        store.set_tag(&here, &"v1".parse().unwrap(), image.root());
        (store, here, image.root())
    }

    #[test]
    fn a_foreign_signature_joins_those_that_are_there() {
        let (store, here, subject) = prepared();
        let mut write = adds_foreign_signatures();
        let mut rng = Seed(1).stream("test");
        write(&store, &here, &mut rng);
        write(&store, &here, &mut rng);
        let held = store.contents(&here).unwrap();
        let signatures = &held.manifests[&held.tags[&Tag::cosign(&subject, "sig")]];
        assert_eq!(signatures.parsed.as_ref().unwrap().layers.len(), 2);
    }

    #[test]
    fn a_foreign_referrer_is_listed_by_api_or_fallback_index() {
        for behaviour in [Behaviour::default(), Behaviour::without_referrers()] {
            let (store, here, subject) = prepared();
            let api = behaviour.referrers_api;
            store.set_behaviour(&here.registry, behaviour);
            adds_foreign_referrers()(&store, &here, &mut Seed(1).stream("test"));
            assert_eq!(store.tag(&here, &Tag::referrers_of(&subject)).is_none(), api);
            let held = store.contents(&here).unwrap();
            assert!(
                held.manifests
                    .values()
                    .any(|manifest| manifest.subject() == Some(subject))
            );
        }
    }

    #[test]
    fn a_tag_moves_only_where_another_manifest_is() {
        let (store, here, image) = prepared();
        let mut write = moves_tags();
        let tag: Tag = "v1".parse().unwrap();
        write(&store, &here, &mut Seed(1).stream("test"));
        assert_eq!(store.tag(&here, &tag), Some(image));
        let other = ImageRecipe::single().make(Seed(2));
        other.push(&store, &here);
        write(&store, &here, &mut Seed(1).stream("test"));
        assert_eq!(store.tag(&here, &tag), Some(other.root()));
    }
}
