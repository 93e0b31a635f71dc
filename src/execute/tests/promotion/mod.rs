//! Promoting and repairing, with everything in order and with one endpoint that is not.

mod signing;
mod uncertain;

use super::scenario::{Choices, ENDPOINTS, Pass, Scenario, endpoint, place, tag};
use crate::execute::Outcome;
use crate::facts::Depth;
use crate::model::{ArtifactKind, SignatureForm, SignaturePlacement, Tag};
use crate::plan::{Action, Content, Step};
use crate::sim::registry::{Behaviour, Failure, Fault, FaultPlan, Operation, Operations, Rate, Window, WriteKind};
use crate::trust::PrivateKey;

fn fails_at(name: &str, fault: Fault, on: Operation) -> FaultPlan {
    FaultPlan::default().and_at(
        &place(name).registry,
        Rate {
            fault,
            on: Operations::Only(on),
            probability: 1.0,
            during: Window::ALWAYS,
        },
    )
}

fn is_tag(step: &Step) -> bool {
    matches!(step.action, Action::Tag { .. })
}

fn is_attach(step: &Step) -> bool {
    matches!(step.action, Action::Attach { .. })
}

fn is_copy(step: &Step) -> bool {
    matches!(step.action, Action::Copy { .. })
}

fn all_done(pass: &Pass, name: &str) -> bool {
    let at = pass.at(name, |step| !matches!(step.action, Action::Sign));
    !at.is_empty() && at.iter().all(|outcome| outcome.outcome.is_done())
}

#[tokio::test]
async fn an_image_is_copied_signed_attested_and_tagged_everywhere_and_a_second_pass_writes_nothing() {
    let scenario = Scenario::new(Choices::default());
    let pass = scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 3);
    assert_eq!(scenario.world.state.admissions(), 1);
    let found = scenario.found("primary");
    let kinds: Vec<ArtifactKind> = found.iter().map(|found| found.kind).collect();
    // The third form is made on request.
    let usual = ArtifactKind::ALL
        .into_iter()
        .filter(|kind| *kind != ArtifactKind::Signature(SignatureForm::Referrer));
    assert_eq!(kinds, usual.collect::<Vec<_>>());
    let contents = |name: &str| scenario.store.contents(&place(name)).unwrap();
    for name in ENDPOINTS {
        assert_eq!(contents(name), contents("primary"), "{name}");
        assert_eq!(scenario.store.tag(&place(name), &tag()), Some(scenario.image.root()));
    }
    let attached: Vec<_> = pass.at("asia", is_attach);
    let told = attached.iter().filter_map(|outcome| match outcome.outcome {
        Outcome::Done { attached } => attached,
        _ => None,
    });
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    assert_eq!(told, found);

    let mark = scenario.store.now();
    assert_eq!(scenario.converge().await.outcomes, []);
    assert_eq!(scenario.store.client_writes_since(mark), []);
}

#[tokio::test]
async fn registries_without_a_referrers_api_get_the_fallback_index_and_what_was_in_it_stays() {
    let scenario = Scenario::new(Choices::default());
    for name in ["primary", "asia"] {
        let behaviour = Behaviour::without_referrers();
        scenario.store.set_behaviour(&place(name).registry, behaviour);
    }
    let foreign = scenario.image.attestation_referrer();
    foreign.push(&scenario.store, &place("asia"));
    scenario.converge().await;
    for (name, count) in [("primary", 3), ("asia", 4)] {
        let held = scenario.store.contents(&place(name)).unwrap();
        let index = held.tags[&Tag::referrers_of(&scenario.image.root())];
        let entries = &held.manifests[&index].parsed.as_ref().unwrap().manifests;
        assert_eq!(entries.len(), count, "{name}");
        assert!(entries.iter().all(|entry| entry.artifact_type.is_some()));
        assert_eq!(
            entries.iter().any(|entry| entry.digest == foreign.root()),
            name == "asia"
        );
    }
}

#[tokio::test]
async fn an_image_whose_blob_is_not_there_gets_no_tag_whoever_wrote_it_until_the_blob_is_put_back() {
    let scenario = Scenario::new(Choices::default());
    // Somebody else pushed it, without a layer; or a copy was killed before its last look.
    scenario.image.push(&scenario.store, &place("asia"));
    let lost = scenario.image.blobs()[1].descriptor.digest;
    scenario.store.lose_blob(&place("asia"), &lost);
    let pass = scenario.pass().await;
    assert_eq!(pass.at("asia", is_copy).len(), 1, "the blob is put back first");
    assert!(all_done(&pass, "asia"));
    assert!(scenario.store.has_blob(&place("asia"), &lost));
    scenario.assert_converged();
}

#[tokio::test]
async fn a_blob_that_a_registry_acknowledges_and_does_not_keep_keeps_the_tag_away_pass_after_pass() {
    let scenario = Scenario::new(Choices {
        faults: fails_at("asia", Fault::LosesWrite, Operation::WriteBlob),
        ..Choices::default()
    });
    let behaviour = Behaviour {
        validates_content: false,
        ..Behaviour::default()
    };
    scenario.store.set_behaviour(&place("asia").registry, behaviour);
    for _ in 0..3 {
        let pass = scenario.pass().await;
        assert!(
            pass.at("asia", is_copy)
                .iter()
                .all(|outcome| !outcome.outcome.is_done())
        );
        assert!(!pass.at("asia", is_copy).is_empty(), "it is tried again");
        assert_eq!(scenario.store.tag(&place("asia"), &tag()), None);
    }
    assert!(scenario.store.has_manifest(&place("asia"), &scenario.image.root()));
    assert!(
        scenario
            .world
            .state
            .begun()
            .contains(&(place("asia"), scenario.image.root()))
    );
    for name in ["primary", "europe"] {
        assert_eq!(scenario.store.tag(&place(name), &tag()), Some(scenario.image.root()));
    }
    scenario.world.registries.inner.faults().stop();
    let pass = scenario.pass().await;
    assert!(all_done(&pass, "asia"));
    scenario.assert_converged();
}

#[tokio::test]
async fn an_image_without_a_signer_is_only_copied_and_tagged() {
    let scenario = Scenario::new(Choices {
        signed: false,
        ..Choices::default()
    });
    let pass = scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 0);
    assert!(pass.steps.iter().all(|step| is_copy(step) || is_tag(step)));
}

#[tokio::test]
async fn nothing_is_written_before_the_admission_is() {
    let scenario = Scenario::new(Choices::default());
    scenario.world.state.fail();
    let mark = scenario.store.now();
    let pass = scenario.pass().await;
    assert_eq!(scenario.store.client_writes_since(mark), []);
    assert_eq!(scenario.signatures_made(), 0);
    assert!(pass.at("asia", is_copy).iter().all(|outcome| {
        matches!(&outcome.outcome, Outcome::Failed { obstacle } if obstacle.text.contains("the disk is full"))
    }));
}

#[tokio::test]
async fn with_primary_only_signatures_tags_wait_for_the_primary() {
    let choices = || Choices {
        placement: SignaturePlacement::PrimaryOnly,
        ..Choices::default()
    };
    let scenario = Scenario::new(choices());
    scenario.converge().await;
    assert_eq!(scenario.found("primary").len(), 3);
    assert_eq!(scenario.found("asia"), []);

    let scenario = Scenario::new(choices());
    let (planned, context) = scenario.plan();
    let only_attaching = planned.steps.iter().position(is_attach).unwrap();
    let registries = &scenario.world.registries.inner;
    // The primary takes the image and then no blob more.
    let copies: Vec<Step> = planned.steps.iter().filter(|step| is_copy(step)).cloned().collect();
    scenario.run(&copies, &context).await;
    let refuses = fails_at("primary", Fault::Fails(Failure::Denied), Operation::WriteBlob);
    registries.faults().set_plan(refuses);
    let outcomes = scenario.run(&planned.steps[only_attaching - 1..], &context).await;
    let pass = Pass {
        steps: planned.steps[only_attaching - 1..].to_vec(),
        outcomes,
    };
    for name in ENDPOINTS {
        let tagged = pass.at(name, is_tag);
        assert!(
            tagged.iter().all(|outcome| outcome.outcome == Outcome::Skipped),
            "{tagged:?}"
        );
    }
    registries.faults().stop();
    scenario.converge().await;
}

#[tokio::test]
async fn damage_is_repaired_by_what_the_plan_says_and_nothing_is_signed_again() {
    let mut scenario = Scenario::new(Choices::default());
    scenario.depth = Depth::Blobs;
    let scenario = scenario;
    scenario.converge().await;
    let (asia, store) = (place("asia"), &scenario.store);
    let image = &scenario.image;
    let bundle = scenario.found("asia")[0].digest;
    let damages: [&dyn Fn() -> bool; 10] = [
        &|| store.delete_tag(&asia, &tag()),
        &|| store.delete_manifest(&asia, &image.root()),
        &|| store.delete_tag(&asia, &Tag::cosign(&image.root(), "sig")),
        &|| store.delete_tag(&asia, &Tag::cosign(&image.root(), "att")),
        &|| store.delete_tag(&asia, &Tag::cosign(&image.root(), "sbom")),
        &|| store.delete_manifest(&asia, &bundle),
        &|| store.delete_manifest(&asia, &image.sbom_referrer().root()),
        &|| store.lose_blob(&asia, &image.blobs()[1].descriptor.digest),
        &|| store.corrupt_manifest(&asia, &image.manifests()[0].digest),
        &|| store.drop_repository(&asia),
    ];
    let before = store.contents(&asia).unwrap();
    for (number, damage) in damages.iter().enumerate() {
        // What was signed is restored from where it stands, not from memory.
        scenario.world.state.forget_signed();
        assert!(damage(), "{number}");
        let pass = scenario.converge().await;
        assert!(!pass.steps.is_empty(), "{number}");
        assert!(pass.outcomes.iter().all(|outcome| outcome.endpoint == endpoint("asia")));
        assert_eq!(store.contents(&asia).unwrap().tags.get(&tag()), before.tags.get(&tag()));
    }
    assert_eq!(scenario.signatures_made(), 3);
}

#[tokio::test]
async fn a_provider_that_lies_is_passed_over_for_the_next() {
    let scenario = Scenario::new(Choices::default());
    scenario.converge().await;
    scenario.world.state.forget_signed();
    scenario.store.drop_repository(&place("asia"));
    let (planned, context) = scenario.plan();
    let lies = Rate {
        fault: Fault::WrongBytes,
        on: Operations::All,
        probability: 1.0,
        during: Window::ALWAYS,
    };
    let faults = FaultPlan::default().and_at(&place("primary").registry, lies);
    scenario.world.registries.inner.faults().set_plan(faults);
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(outcomes.iter().all(|outcome| outcome.outcome.is_done()), "{outcomes:?}");
    scenario.world.registries.inner.faults().stop();
    scenario.assert_converged();
    assert_eq!(scenario.found("asia"), scenario.found("europe"));
}

#[tokio::test]
async fn an_endpoint_that_stops_answering_is_left_alone_for_the_rest_of_the_run() {
    let scenario = Scenario::new(Choices {
        images: 8,
        ..Choices::default()
    });
    let (planned, mut context) = scenario.plan();
    context.options.concurrency.units = 1;
    context.options.concurrency.silent_steps = 2;
    let dead = FaultPlan::dead(&place("asia").registry, Window::ALWAYS);
    scenario.world.registries.inner.faults().set_plan(dead);
    let outcomes = scenario.run(&planned.steps, &context).await;
    let pass = Pass {
        steps: planned.steps,
        outcomes,
    };
    let copied = pass.at("asia", is_copy);
    let failed = copied
        .iter()
        .filter(|outcome| matches!(outcome.outcome, Outcome::Failed { .. }));
    assert_eq!((copied.len(), failed.count()), (8, 2));
    assert!(all_done(&pass, "primary") && all_done(&pass, "europe"));
    scenario.world.registries.inner.faults().stop();
    scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 24);
}

#[tokio::test]
async fn what_is_promoted_and_refers_to_something_is_listed_where_the_registry_does_not() {
    let mut scenario = Scenario::new(Choices::default());
    let (base, store) = (scenario.image.clone(), scenario.store.clone());
    let sbom = base.sbom_referrer();
    scenario.claim(&sbom);
    let behaviour = Behaviour::without_referrers();
    store.set_behaviour(&place("asia").registry, behaviour);
    scenario.converge().await;
    let held = store.contents(&place("asia")).unwrap();
    let index = held.tags[&Tag::referrers_of(&base.root())];
    assert_eq!(held.manifests[&index].children().collect::<Vec<_>>(), [sbom.root()]);
    let held = store.contents(&place("europe")).unwrap();
    assert!(!held.tags.contains_key(&Tag::referrers_of(&base.root())));
}

#[tokio::test]
async fn a_manifest_that_only_its_registry_has_is_kept_by_an_anchor_tag_when_its_tag_moves() {
    let scenario = Scenario::new(Choices::default());
    scenario.converge().await;
    let other = crate::sim::images::ImageRecipe::single().make(crate::sim::Seed(77));
    let (asia, store) = (place("asia"), &scenario.store);
    let anchor = Tag::anchor(&other.root());
    for keeps in [true, false] {
        store.set_behaviour(&asia.registry, Behaviour::default());
        scenario.image.push(store, &asia);
        other.push(store, &asia);
        store.set_tag(&asia, &tag(), other.root());
        let (mut planned, context) = scenario.plan();
        planned.steps.retain(is_tag);
        for step in &mut planned.steps {
            if let Action::Tag { keeps: kept, .. } = &mut step.action {
                *kept = keeps;
            }
        }
        let drops = Behaviour {
            drops_untagged: true,
            ..Behaviour::default()
        };
        store.set_behaviour(&asia.registry, drops);
        let outcomes = scenario.run(&planned.steps, &context).await;
        assert!(outcomes.iter().all(|outcome| outcome.outcome.is_done()), "{outcomes:?}");
        assert_eq!(store.has_manifest(&asia, &other.root()), keeps);
        assert_eq!(store.tag(&asia, &anchor).is_some(), keeps);
        store.delete_tag(&asia, &anchor);
    }
}
