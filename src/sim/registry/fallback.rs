//! The fallback referrers index as other clients keep it (OCI distribution specification, "Referrers Tag Schema").

use bytes::Bytes;

use super::Store;
use super::service::describe;
use crate::model::{Descriptor, Digest, Repository, Tag, media_type};

impl Store {
    /// Enters a manifest of this repository in its subject's fallback index. Does nothing where it has no subject.
    pub fn add_to_fallback_index(&self, repository: &Repository, referrer: &Digest) {
        let Some(held) = self.contents(repository) else {
            return;
        };
        let Some(manifest) = held.manifests.get(referrer) else {
            return;
        };
        let Some(subject) = manifest.subject() else {
            return;
        };
        let tag = Tag::referrers_of(&subject);
        let index = held.tags.get(&tag).and_then(|digest| held.manifests.get(digest));
        let mut entries = index
            .and_then(|index| index.parsed.clone())
            .map_or_else(Vec::new, |index| index.manifests.clone());
        if entries.iter().all(|entry| entry.digest != *referrer) {
            entries.push(describe(*referrer, manifest));
            let digest = self.add_manifest(repository, media_type::OCI_INDEX, index_of(&entries));
            self.set_tag(repository, &tag, digest);
        }
    }
}

fn index_of(entries: &[Descriptor]) -> Bytes {
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
    index.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Seed;
    use crate::sim::images::ImageRecipe;
    use crate::sim::registry::Behaviour;

    #[test]
    fn referrers_pushed_to_a_registry_without_the_api_are_entered_once_each() {
        let store = Store::new();
        let here: Repository = "old.test/app".parse().unwrap();
        store.set_behaviour(&here.registry, Behaviour::without_referrers());
        let image = ImageRecipe::single().make(Seed(1));
        for attached in [
            image.sbom_referrer(),
            image.attestation_referrer(),
            image.sbom_referrer(),
        ] {
            attached.push(&store, &here);
        }
        let index = store.tag(&here, &Tag::referrers_of(&image.root())).unwrap();
        let held = store.contents(&here).unwrap();
        let entries = &held.manifests[&index].parsed.as_ref().unwrap().manifests;
        assert_eq!(
            entries.iter().map(|entry| entry.digest).collect::<Vec<_>>(),
            [image.sbom_referrer().root(), image.attestation_referrer().root()]
        );
        assert!(entries.iter().all(|entry| entry.artifact_type.is_some()));
    }
}
