//! Another process with the same key, between the look and the write.

use super::scenario::{Choices, ENDPOINTS, Scenario, place};
use crate::model::Tag;
use crate::plan::Action;

#[tokio::test]
async fn what_the_same_key_signed_meanwhile_is_kept() {
    let scenario = Scenario::new(Choices::default());
    scenario.converge().await;
    let found = scenario.found("asia");
    // A process with a state of its own looked before any of it stood at asia, and made its own.
    let (store, asia) = (&scenario.store, place("asia"));
    let whole = store.contents(&asia).unwrap();
    for name in ENDPOINTS {
        for evidence in scenario.found(name) {
            store.delete_manifest(&place(name), &evidence.digest);
        }
        store.delete_tag(&place(name), &Tag::cosign(&scenario.image.root(), "sig"));
    }
    scenario.world.state.forget_signed();
    let (planned, context) = scenario.plan();
    assert!(planned.steps.iter().any(|step| step.action == Action::Sign));
    // What the first process made stands again at asia before the second one writes.
    for (digest, manifest) in &whole.manifests {
        store.add_manifest(&asia, &manifest.media_type, manifest.bytes.clone());
        assert!(store.has_manifest(&asia, digest));
    }
    for (tag, digest) in &whole.tags {
        store.set_tag(&asia, tag, *digest);
    }
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(outcomes.iter().all(|outcome| outcome.outcome.is_done()), "{outcomes:?}");
    assert_eq!(
        scenario.found("asia"),
        found,
        "nothing is signed twice into one registry"
    );
    assert_ne!(scenario.found("europe"), found);
}
