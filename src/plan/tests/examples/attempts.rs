//! What failed before, and what is undone again.

use super::*;

#[test]
fn a_signer_that_failed_is_not_asked_again_in_the_same_pass() {
    let mut world = world(&one_image(), Truth::EMPTY);
    let node = NodeId {
        unit: unit(&world),
        slot: Slot::Signature(SignatureForm::Bundle),
    };
    let wrong = Obstacle::new(ObstacleKind::Local, "the password is wrong");
    world.memory.tried.insert((node, PRIMARY), Arc::new(wrong));
    let planned = world.settle();
    assert!(planned.steps.iter().all(|step| step.node != node));
    assert!(
        planned.steps.iter().all(|step| step.action.verb() != Verb::Tag),
        "no tag without its signature"
    );
    assert!(matches!(causes(&planned)[..], [Cause::Failed { .. }]));
}

#[test]
fn what_failed_waits_and_what_is_undone_again_and_again_is_left() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    let image = NodeId {
        unit,
        slot: Slot::Image,
    };
    world.scope.honour_history = true;
    for endpoint in [ASIA, EUROPE] {
        world.record(Ask::Image(unit), endpoint, Answer::Image(ImageAnswer::Lacking));
    }
    let failed = Attempt {
        failures: 1,
        last_failure: Some(world.now),
        obstacle: Some(Arc::new(Obstacle::new(ObstacleKind::Interrupted, "reset"))),
        ..Attempt::default()
    };
    world.memory.attempts.insert((image, ASIA), failed);
    let undone = Attempt {
        repairs: vec![world.now; 5],
        ..Attempt::default()
    };
    world.memory.attempts.insert((image, EUROPE), undone);
    let planned = world.settle();
    assert_eq!(planned.steps, []);
    assert!(matches!(
        causes(&planned)[..],
        [
            Cause::BackOff { endpoint: ASIA, .. },
            Cause::Contested {
                endpoint: EUROPE,
                repairs: 5,
                ..
            }
        ]
    ));
    world.scope.honour_history = false;
    assert_eq!(
        verbs(&world.settle()),
        [(Verb::Copy, 2)],
        "whoever asks by hand wants it tried now"
    );
}
