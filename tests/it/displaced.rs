//! Registries that drop a manifest with the last of its tags, as zot does, while claims need it.

use landfall::sim::registry::Behaviour;
use serde_json::Value;

use crate::small_site::{Site, said};

/// `v1` stands everywhere, its source has gone, and somebody moved it onto one of its own platforms at a mirror that
/// drops what has no tag: whoever moves it back takes that platform along.
async fn site() -> Site {
    let site = Site::set().await;
    site.promote();
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    site.store.drop_repository(&Site::at(&site.source, "staging/app"));
    let drops = Behaviour {
        drops_untagged: true,
        ..Behaviour::default()
    };
    site.store.set_behaviour(site.mirror.registry(), drops);
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tag_takes_along_is_put_back_as_the_plan_said() {
    let site = site().await;
    let child = site.disturb();
    let planned = site.landfall(&["plan", "--out", "plan.json"]).await;
    let told = said(&planned);
    assert!(
        told.contains("Put back if the registry drops what loses its last tag"),
        "{told}"
    );
    assert!(told.contains("1 to tag, 1 to put back if dropped"), "{told}");
    let output = site.landfall(&["plan", "--format", "json"]).await;
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["summary"]["ifDropped"], 1, "{json}");
    // The image lost its only tag there, and was dropped: that and the tag are due, and what may not come is not.
    assert_eq!(json["shortfall"]["due"], 2, "{json}");
    let step = &json["ifDropped"][0];
    assert_eq!(step["action"], "copy");
    assert_eq!(step["endpoints"][0], "europe");
    assert_eq!(step["because"], "if-dropped");

    let mirror = Site::at(&site.mirror, "images/team/app");
    let applied = site.landfall(&["apply", "plan.json"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert!(said(&applied).contains("as desired"), "{applied:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
    assert!(site.store.has_manifest(&mirror, &child));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tag_takes_along_is_put_back_within_the_same_apply() {
    let site = site().await;
    let child = site.disturb();
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
    let mirror = Site::at(&site.mirror, "images/team/app");
    assert!(site.store.has_manifest(&mirror, &child));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_keeps_what_has_no_tag_has_nothing_put_back() {
    let site = Site::set().await;
    site.promote();
    assert_eq!(site.landfall(&["apply"]).await.status.code(), Some(0));
    site.disturb();
    let planned = site.landfall(&["plan", "--out", "plan.json"]).await;
    assert!(said(&planned).contains("1 to put back if dropped"), "{planned:?}");
    let applied = site.landfall(&["apply", "plan.json", "--format", "json"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    let json: Value = serde_json::from_slice(&applied.stdout).unwrap();
    let done = json["steps"].as_array().unwrap();
    assert!(done.iter().all(|step| step["action"] == "tag"), "{json}");
}
