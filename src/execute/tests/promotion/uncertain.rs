//! Writes that are refused, lost, or done by others.

use super::*;

#[tokio::test]
async fn an_endpoint_that_refuses_a_kind_of_request_stops_nothing_elsewhere() {
    use Operation as O;
    for on in [
        O::WriteBlob,
        O::WriteManifest,
        O::HeadBlob,
        O::HeadManifest,
        O::ReadManifest,
    ] {
        for failure in [Failure::Denied, Failure::Server(None), Failure::Unreachable] {
            let scenario = Scenario::new(Choices {
                faults: fails_at("asia", Fault::Fails(failure), on),
                ..Choices::default()
            });
            let mark = scenario.store.now();
            let pass = scenario.pass().await;
            scenario.assert_writes_belong_to(mark, &pass);
            for name in ["primary", "europe"] {
                assert!(all_done(&pass, name), "{on:?} {failure:?}: {:?}", pass.outcomes);
            }
            let asia = pass.at("asia", |_| true);
            assert!(
                asia.iter()
                    .all(|outcome| !matches!(outcome.outcome, Outcome::Cancelled | Outcome::Stale { .. }))
            );
            // What fails takes with it what waits for it, and no more than that is tried.
            let failed = asia
                .iter()
                .filter(|outcome| matches!(outcome.outcome, Outcome::Failed { .. } | Outcome::Uncertain { .. }));
            assert!(failed.count() >= 1, "{on:?} {failure:?}");
            assert!(
                pass.at("asia", is_tag).iter().all(|outcome| !outcome.outcome.is_done()),
                "{on:?} {failure:?}"
            );
            assert_eq!(scenario.store.tag(&place("asia"), &tag()), None);

            scenario.world.registries.inner.faults().stop();
            scenario.converge().await;
            assert_eq!(scenario.signatures_made(), 3, "nothing is signed twice");
        }
    }
}

#[tokio::test]
async fn a_write_that_happened_though_its_answer_was_lost_is_uncertain_and_not_repeated() {
    let scenario = Scenario::new(Choices {
        faults: fails_at(
            "asia",
            Fault::FailsAfterEffect(Failure::TimedOut),
            Operation::WriteManifest,
        ),
        ..Choices::default()
    });
    let pass = scenario.pass().await;
    let copied = pass.at("asia", is_copy);
    let [copied] = copied[..] else { panic!("{copied:?}") };
    assert!(
        matches!(&copied.outcome, Outcome::Uncertain { obstacle } if obstacle.text.contains("PUT https://asia.test/")),
        "{copied:?}"
    );
    scenario.world.registries.inner.faults().stop();
    scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 3);
}

#[tokio::test]
async fn a_tag_that_moved_since_the_plan_is_left_where_it_is() {
    let scenario = Scenario::new(Choices::default());
    let (planned, context) = scenario.plan();
    let sbom = scenario.image.sbom_referrer();
    sbom.push(&scenario.store, &place("asia"));
    scenario.store.set_tag(&place("asia"), &tag(), sbom.root());
    let outcomes = scenario.run(&planned.steps, &context).await;
    let pass = Pass {
        steps: planned.steps,
        outcomes,
    };
    let tagged = pass.at("asia", is_tag);
    assert!(
        matches!(&tagged[0].outcome, Outcome::Stale { obstacle } if obstacle.text.contains("not on nothing")),
        "{tagged:?}"
    );
    assert_eq!(scenario.store.tag(&place("asia"), &tag()), Some(sbom.root()));
    assert!(all_done(&pass, "europe"));
    // Landfall never wrote it: it stays a conflict, and does not become a drift to be repaired.
    let (planned, _) = scenario.plan();
    assert_eq!(planned.steps, []);
    assert_eq!(planned.blocked.len(), 1);
}

#[tokio::test]
async fn a_tag_that_stands_already_is_not_written_again() {
    let scenario = Scenario::new(Choices::default());
    let (planned, context) = scenario.plan();
    scenario.image.push(&scenario.store, &place("asia"));
    scenario.store.set_tag(&place("asia"), &tag(), scenario.image.root());
    let mark = scenario.store.now();
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(outcomes.iter().all(|outcome| outcome.outcome.is_done()));
    let written = scenario.store.client_writes_since(mark);
    assert!(!written.iter().any(|write| {
        let tagged = Some(tag());
        write.repository == place("asia") && matches!(&write.kind, WriteKind::Manifest { tag, .. } if *tag == tagged)
    }));
}

#[tokio::test]
async fn a_manifest_that_is_gone_is_not_tagged() {
    let scenario = Scenario::new(Choices::default());
    scenario.converge().await;
    scenario.store.delete_tag(&place("asia"), &tag());
    let (planned, context) = scenario.plan();
    scenario.store.delete_manifest(&place("asia"), &scenario.image.root());
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert!(
        matches!(&outcomes[..], [only] if matches!(only.outcome, Outcome::Stale { .. })),
        "{outcomes:?}"
    );
}
