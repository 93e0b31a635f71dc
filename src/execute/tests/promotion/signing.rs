//! What is signed, and what is not.

use super::*;

#[tokio::test]
async fn what_was_never_admitted_is_not_written() {
    let scenario = Scenario::new(Choices::default());
    let (planned, mut context) = scenario.plan();
    context.admissions.clear();
    let mark = scenario.store.now();
    let outcomes = scenario.run(&planned.steps, &context).await;
    assert_eq!(scenario.store.client_writes_since(mark), []);
    assert!(outcomes.iter().all(|outcome| !outcome.outcome.is_done()));
}

#[tokio::test]
async fn what_another_key_signed_is_never_attached() {
    let mut scenario = Scenario::new(Choices::default());
    scenario.world_mut().signers.other_key = Some(PrivateKey::generate().unwrap());
    let pass = scenario.pass().await;
    let signed: Vec<_> = pass.at("primary", |step| matches!(step.action, Action::Sign));
    assert_eq!(signed.len(), 3);
    assert!(signed.iter().all(|outcome| {
        matches!(&outcome.outcome, Outcome::Failed { obstacle } if obstacle.text.contains("private key is another one"))
    }));
    for name in ENDPOINTS {
        assert!(pass.at(name, is_copy).iter().all(|outcome| outcome.outcome.is_done()));
        let waiting = pass.at(name, |step| is_attach(step) || is_tag(step));
        assert!(waiting.iter().all(|outcome| outcome.outcome == Outcome::Skipped));
        assert_eq!(scenario.store.tag(&place(name), &tag()), None);
    }
    scenario.world_mut().signers.other_key = None;
    scenario.converge().await;
}

#[tokio::test]
async fn a_signer_that_fails_stops_what_waits_for_it_and_nothing_else() {
    let mut scenario = Scenario::new(Choices::default());
    scenario.world_mut().signers.fails = true;
    let pass = scenario.pass().await;
    assert!(pass.at("asia", is_copy).iter().all(|outcome| outcome.outcome.is_done()));
    assert!(
        pass.at("asia", is_tag)
            .iter()
            .all(|outcome| outcome.outcome == Outcome::Skipped)
    );
    scenario.world_mut().signers.fails = false;
    scenario.converge().await;
    assert_eq!(scenario.signatures_made(), 3);
}

#[tokio::test]
async fn signed_bytes_that_could_be_attached_nowhere_are_attached_by_the_next_pass() {
    let scenario = Scenario::new(Choices::default());
    let mut faults = FaultPlan::default();
    for name in ENDPOINTS {
        faults = faults.and_at(
            &place(name).registry,
            Rate {
                fault: Fault::Fails(Failure::Denied),
                on: Operations::Only(Operation::WriteBlob),
                probability: 1.0,
                during: Window::ALWAYS,
            },
        );
        // The image is there, so that only what is signed fails.
        scenario.image.push(&scenario.store, &place(name));
        scenario.image.sbom_referrer().push(&scenario.store, &place(name));
        let about_sbom = scenario.image.sbom_referrer().attestation_referrer();
        about_sbom.push(&scenario.store, &place(name));
        for suffix in ["sig", "att", "sbom"] {
            scenario.image.cosign_tag(suffix).push(&scenario.store, &place(name));
        }
    }
    let registries = &scenario.world.registries.inner;
    registries.faults().set_plan(faults);
    scenario.pass().await;
    assert_eq!(scenario.signatures_made(), 3);
    assert_eq!(scenario.found("primary"), []);
    registries.faults().stop();
    let pass = scenario.converge().await;
    let attached = pass.steps.iter().filter(|step| {
        let content = match step.action {
            Action::Attach { content, .. } => content,
            _ => return false,
        };
        matches!(content, Content::Journal(_))
    });
    assert_eq!(attached.count(), 3);
    assert_eq!(scenario.signatures_made(), 3);
    assert_eq!(scenario.found("asia"), scenario.found("europe"));
}
