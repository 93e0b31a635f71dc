//! Two processes with memories of their own, and one key: what both signed.

use std::fs;

use bytes::Bytes;
use landfall::model::{Descriptor, Digest, Limits, Repository, Tag};
use landfall::sim::registry::Behaviour;
use landfall::sim::{Standing, Verdicts};
use landfall::trust::{Merge, PublicKey, fallback_index};
use serde_json::Value;

use crate::small_site::{Site, said};

struct Stage {
    site: Site,
    verdicts: Verdicts,
}

impl Stage {
    fn places(&self) -> [Repository; 2] {
        [&self.site.primary, &self.site.mirror].map(|registry| Site::at(registry, "images/team/app"))
    }

    /// Bundles, entries under `.sig` and records at a place.
    fn signed(&self, place: &Repository) -> [Vec<Digest>; 3] {
        let public: Repository = "images.example.com/team/app".parse().unwrap();
        let standing = Standing::read(
            &self.site.store,
            place,
            &self.site.image.root(),
            &public,
            &self.verdicts,
        );
        [standing.bundles, standing.entries, standing.attestations]
            .map(|found| found.into_iter().map(|(digest, _)| digest).collect())
    }

    /// Everything signed twice at both places: by a process, and by another with an empty memory that saw nothing.
    async fn set(behaviour: &Behaviour) -> Self {
        let site = Site::set().await;
        for registry in [&site.primary, &site.mirror] {
            site.store.set_behaviour(registry.registry(), behaviour.clone());
        }
        // What travels is compared, and so kept as it is.
        site.store.drop_repository(&Site::at(&site.source, "staging/app"));
        site.image.push(&site.store, &Site::at(&site.source, "staging/app"));
        site.promote();
        let applied = site.landfall(&["apply"]).await;
        assert_eq!(applied.status.code(), Some(0), "{applied:?}");
        let key = fs::read(site.path("releases/keys/release.pub")).unwrap();
        let verdicts = Verdicts::new(vec![PublicKey::from_pem(&key).unwrap()]);
        let stage = Self { site, verdicts };
        let Self { site, .. } = &stage;
        let image = site.image.root();
        let (list, signatures) = (Tag::referrers_of(&image), Tag::cosign(&image, "sig"));
        let before: Vec<_> = stage
            .places()
            .into_iter()
            .map(|place| {
                let held = site.store.contents(&place).unwrap();
                let ours: Vec<(Digest, String, Bytes)> = held
                    .manifests
                    .iter()
                    .filter(|(digest, _)| !site.image.manifests().iter().any(|part| part.digest == **digest))
                    .map(|(digest, stored)| (*digest, stored.media_type.clone(), stored.bytes.clone()))
                    .collect();
                for (digest, ..) in &ours {
                    site.store.delete_manifest(&place, digest);
                }
                for tag in [&list, &signatures] {
                    site.store.delete_tag(&place, tag);
                }
                (place, ours)
            })
            .collect();
        fs::remove_dir_all(site.path("state")).unwrap();
        fs::remove_dir_all(site.path("cache")).unwrap();
        let applied = site.landfall(&["apply", "--sign-despite-silence"]).await;
        assert_eq!(applied.status.code(), Some(0), "{applied:?}");
        for (place, ours) in before {
            for (_, media_type, bytes) in ours {
                let manifest: Value = serde_json::from_slice(&bytes).unwrap();
                if manifest["subject"].is_object() {
                    let entry = Descriptor::of(&media_type, &bytes);
                    site.store.add_manifest(&place, &media_type, bytes);
                    if !behaviour.referrers_api {
                        stage.list(&place, &list, entry);
                    }
                } else if manifest["layers"].is_array() {
                    stage.add_entries(&place, &signatures, &manifest["layers"]);
                }
            }
            assert_eq!(stage.signed(&place).map(|found| found.len()), [2, 2, 2]);
        }
        stage
    }

    fn list(&self, place: &Repository, tag: &Tag, entry: Descriptor) {
        let store = &self.site.store;
        let standing = store.tag(place, tag).unwrap();
        let standing = store.contents(place).unwrap().manifests[&standing].clone();
        let image = self.site.image.root();
        let merged = fallback_index::merge(Some(&standing.bytes), &image, &[entry], &Limits::default());
        let Merge::Write(index) = merged.unwrap() else {
            panic!("it is listed already")
        };
        let index = store.add_manifest(place, &standing.media_type, index.into());
        store.set_tag(place, tag, index);
    }

    fn add_entries(&self, place: &Repository, tag: &Tag, layers: &Value) {
        let store = &self.site.store;
        let standing = store.tag(place, tag).unwrap();
        let standing = store.contents(place).unwrap().manifests[&standing].clone();
        let mut manifest: Value = serde_json::from_slice(&standing.bytes).unwrap();
        let all = manifest["layers"].as_array_mut().unwrap();
        all.extend(layers.as_array().unwrap().iter().cloned());
        let digest = store.add_manifest(place, &standing.media_type, manifest.to_string().into());
        store.set_tag(place, tag, digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_say_the_same_the_lowest_digest_stays_and_the_other_goes_by_a_step_of_the_plan() {
    for behaviour in [Behaviour::default(), Behaviour::without_referrers()] {
        let stage = Stage::set(&behaviour).await;
        let lowest = stage
            .signed(&stage.places()[0])
            .map(|found| vec![found.into_iter().min().unwrap()]);
        let output = stage.site.landfall(&["plan", "--format", "json"]).await;
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["summary"]["remove"], 6, "{json}");
        let applied = stage.site.landfall(&["apply"]).await;
        assert_eq!(applied.status.code(), Some(0), "{applied:?}");
        for place in stage.places() {
            assert_eq!(stage.signed(&place), lowest, "{behaviour:?}: {}", said(&applied));
        }
        let again = stage.site.landfall(&["apply", "--format", "json"]).await;
        assert_eq!(again.status.code(), Some(0), "{again:?}");
        let json: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!(json["steps"].as_array().unwrap().len(), 0, "{json}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_manifests_say_so_the_other_is_only_reported() {
    let mut stage = Stage::set(&Behaviour::default()).await;
    stage.site.rules = stage
        .site
        .rules
        .replace("signer = \"release\"", "signer = \"release\"\nduplicates = \"report\"");
    stage.site.promote();
    let applied = stage.site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(5), "{applied:?}");
    assert!(said(&applied).contains("6 steps only reported"), "{applied:?}");
    for place in stage.places() {
        assert_eq!(stage.signed(&place).map(|found| found.len()), [2, 2, 2]);
    }
}
