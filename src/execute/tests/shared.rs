//! Metadata that others write too.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::looking::layers;
use super::scenario::{Choices, Scenario, endpoint, place};
use crate::execute::Outcome;
use crate::model::{Digest, Repository, Tag, media_type};
use crate::registry::ManifestAt;
use crate::sim::registry::{Behaviour, Store};

/// A manifest with one signature by nobody under one of cosign's tags.
fn foreign_entry(store: &Store, place: &Repository, tag: &Tag, name: &str) -> Digest {
    let payload = store.add_blob(place, name.as_bytes().to_vec().into());
    let config = store.add_blob(place, b"{}".to_vec().into());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [{
            "mediaType": media_type::SIMPLE_SIGNING,
            "digest": payload,
            "size": name.len(),
            "annotations": { "dev.cosignproject.cosign/signature": name },
        }],
    });
    let digest = store.add_manifest(place, media_type::OCI_MANIFEST, manifest.to_string().into());
    store.set_tag(place, tag, digest);
    payload
}

#[tokio::test]
async fn foreign_signatures_stay_beside_ours() {
    let scenario = Scenario::new(Choices::default());
    let image = scenario.image.root();
    let [sig, att, sbom] = ["sig", "att", "sbom"].map(|suffix| Tag::cosign(&image, suffix));
    let foreign = [&sig, &att, &sbom].map(|tag| foreign_entry(&scenario.store, &place("asia"), tag, tag.as_str()));
    scenario.converge().await;
    let held = scenario.store.contents(&place("asia")).unwrap();
    // Foreign at the endpoint, carried from the source, ours; an `.sbom` tag is not shared, and stays as it was.
    for (number, (tag, count)) in [(&sig, 3), (&att, 2), (&sbom, 1)].into_iter().enumerate() {
        let layers = layers(&held, tag);
        assert_eq!(layers.len(), count, "{tag}");
        assert_eq!(layers[0].digest, foreign[number], "{tag}");
    }
}

#[tokio::test]
async fn metadata_that_cannot_be_read_is_not_overwritten() {
    let scenario = Scenario::new(Choices::default());
    let (asia, store) = (place("asia"), &scenario.store);
    store.set_behaviour(&asia.registry, Behaviour::without_referrers());
    let (planned, context) = scenario.plan();
    let garbage = store.add_manifest(&asia, media_type::OCI_INDEX, "{".into());
    let tags = ["sig"].map(|suffix| Tag::cosign(&scenario.image.root(), suffix));
    let tags = tags.into_iter().chain([Tag::referrers_of(&scenario.image.root())]);
    let tags: Vec<Tag> = tags.collect();
    for tag in &tags {
        store.set_tag(&asia, tag, garbage);
    }
    let outcomes = scenario.run(&planned.steps, &context).await;
    for tag in &tags {
        assert_eq!(store.tag(&asia, tag), Some(garbage));
    }
    let at_asia = outcomes.iter().filter(|outcome| outcome.endpoint == endpoint("asia"));
    let failed = at_asia.filter(|outcome| matches!(outcome.outcome, Outcome::Failed { .. }));
    assert!(failed.count() > 0);
}

/// Puts something else under a tag once it is about to be written, this many times.
fn interfere(scenario: &Scenario, tag: Tag, times: usize, act: impl Fn(&Store, &Repository) + Send + 'static) {
    let left = Mutex::new(times);
    *scenario.world.registries.before_put.lock().unwrap() = Some(Box::new(move |store, place, at| {
        let mut left = left.lock().unwrap();
        if matches!(at, ManifestAt::Tag(written) if *written == tag) && *left > 0 {
            *left -= 1;
            act(store, place);
        }
    }));
}

#[tokio::test]
async fn a_writer_that_comes_between_does_not_cost_our_entry() {
    let scenario = Scenario::new(Choices {
        signed: true,
        ..Choices::default()
    });
    let image = scenario.image.root();
    let tag = Tag::cosign(&image, "sig");
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let between = tag.clone();
    interfere(&scenario, tag, 1, move |store, place| {
        *count.lock().unwrap() += 1;
        foreign_entry(store, place, &between, "in between");
    });
    scenario.converge().await;
    assert_eq!(*seen.lock().unwrap(), 1);
}

#[tokio::test]
async fn an_entry_that_is_taken_away_each_time_is_uncertain() {
    let scenario = Scenario::new(Choices::default());
    scenario.converge().await;
    let image = scenario.image.root();
    let (asia, tag) = (place("asia"), Tag::cosign(&image, "sig"));
    scenario.store.delete_tag(&asia, &tag);
    let (planned, context) = scenario.plan();
    // Taken away right after it was written: before each look that follows.
    let store = scenario.store.clone();
    let (here, again) = (asia.clone(), tag.clone());
    let writer = crate::sim::registry::MemoryRegistries::faults(&scenario.world.registries.inner);
    writer.add_second_writer(
        1.0,
        Box::new(move |_, place, _| {
            if *place == here {
                store.delete_tag(&here, &again);
            }
        }),
    );
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(
        outcomes.iter().any(
            |outcome| matches!(&outcome.outcome, Outcome::Uncertain { obstacle } if obstacle.text.contains("another writer"))
        ),
        "{outcomes:?}"
    );
    writer.stop();
    scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 3);
}

/// Enters an artifact by somebody else in the image's fallback index.
fn foreign_referrer(scenario: &Scenario, place: &Repository, name: &str) -> Digest {
    let referrer = scenario.image.referrer(
        "application/vnd.example.scan",
        name.to_owned().into(),
        Default::default(),
    );
    referrer.push(&scenario.store, place);
    referrer.root()
}

fn listed(scenario: &Scenario, place: &Repository) -> Vec<Digest> {
    let held = scenario.store.contents(place).unwrap();
    let index = &held.manifests[&held.tags[&Tag::referrers_of(&scenario.image.root())]];
    index.children().collect()
}

/// A converged endpoint without the referrers API that has lost our entries, beside two by others.
async fn lost_entries(scenario: &Scenario) -> (Repository, [Digest; 2]) {
    let asia = place("asia");
    scenario
        .store
        .set_behaviour(&asia.registry, Behaviour::without_referrers());
    scenario.converge().await;
    let tag = Tag::referrers_of(&scenario.image.root());
    scenario.store.delete_tag(&asia, &tag);
    let foreign = ["one", "two"].map(|name| foreign_referrer(scenario, &asia, name));
    assert_eq!(listed(scenario, &asia), foreign);
    (asia, foreign)
}

#[tokio::test]
async fn an_entry_whose_manifest_is_gone_is_left_out_where_the_registry_takes_no_index_with_it() {
    let scenario = Scenario::new(Choices::default());
    let (asia, [gone, kept]) = lost_entries(&scenario).await;
    scenario.store.delete_manifest(&asia, &gone);
    scenario.converge().await;
    let listed = listed(&scenario, &asia);
    assert!(!listed.contains(&gone) && listed[0] == kept, "{listed:?}");
    // The sbom, the signature, the promotion record.
    assert_eq!(listed.len(), 1 + 3);
}

#[tokio::test]
async fn an_entry_whose_manifest_is_gone_stays_where_the_registry_takes_it() {
    let scenario = Scenario::new(Choices::default());
    let (asia, foreign) = lost_entries(&scenario).await;
    scenario.store.set_behaviour(
        &asia.registry,
        Behaviour {
            validates_content: false,
            ..Behaviour::without_referrers()
        },
    );
    scenario.store.delete_manifest(&asia, &foreign[0]);
    scenario.converge().await;
    assert_eq!(listed(&scenario, &asia)[..2], foreign);
}

#[tokio::test]
async fn an_entry_whose_manifest_cannot_be_read_is_not_left_out() {
    let scenario = Scenario::new(Choices::default());
    let (asia, [gone, damaged]) = lost_entries(&scenario).await;
    scenario.store.delete_manifest(&asia, &gone);
    scenario.store.corrupt_manifest(&asia, &damaged);
    let (planned, context) = scenario.plan();
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(
        outcomes.iter().any(
            |outcome| matches!(&outcome.outcome, Outcome::Failed { obstacle } if obstacle.text.contains(&damaged.to_string()))
        ),
        "{outcomes:?}"
    );
    assert_eq!(listed(&scenario, &asia), [gone, damaged]);
}

#[tokio::test]
async fn an_entry_that_another_writer_loses_after_it_was_seen_is_put_back() {
    let scenario = Scenario::new(Choices::default());
    let (asia, store) = (place("asia"), scenario.store.clone());
    store.set_behaviour(&asia.registry, Behaviour::without_referrers());
    let image = scenario.image.root();
    let tag = Tag::referrers_of(&image);
    // Somebody's bundle, listed before landfall comes.
    let seen = scenario.image.attestation_referrer();
    seen.push(&store, &asia);
    let index = store.tag(&asia, &tag).unwrap();
    let without_seen = store.add_manifest(
        &asia,
        media_type::OCI_INDEX,
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] })
            .to_string()
            .into(),
    );
    let done = Mutex::new(false);
    let (here, lists) = (asia.clone(), tag.clone());
    *scenario.world.registries.before_put.lock().unwrap() = Some(Box::new(move |store, place, at| {
        let mut done = done.lock().unwrap();
        let listed = store.tag(&here, &lists);
        // Once landfall has entered something, somebody writes back what they read before all of it.
        if !*done && *place == here && matches!(at, ManifestAt::Digest(_)) && listed != Some(index) {
            *done = true;
            store.set_tag(&here, &lists, without_seen);
        }
    }));
    scenario.converge().await;
    let held = store.contents(&asia).unwrap();
    let index = held.manifests[&held.tags[&tag]].parsed.clone().unwrap();
    assert!(
        index.manifests.iter().any(|entry| entry.digest == seen.root()),
        "{index:?}"
    );
}
