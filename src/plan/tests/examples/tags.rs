//! Tags that stand elsewhere.

use super::*;

/// A world that stands whole but for the tag at Asia.
fn tag_at_asia(value: &str, memory: impl FnOnce(&mut World)) -> Planned {
    tag_of(&one_image(), value, memory)
}

fn tag_of(manifests: &Manifests, value: &str, memory: impl FnOnce(&mut World)) -> Planned {
    let mut world = world(manifests, Truth::WHOLE);
    world.memory.written.clear();
    let tag = tag(&world);
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(Some(digest(value))));
    memory(&mut world);
    world.settle()
}

#[test]
fn a_tag_that_landfall_never_set_is_a_conflict_until_it_is_adopted() {
    let planned = tag_at_asia("foreign", |_| {});
    assert_eq!(planned.steps, []);
    assert!(
        matches!(causes(&planned)[..], [Cause::Conflict { endpoint: ASIA, found, .. }] if *found == digest("foreign"))
    );
    let planned = tag_at_asia("foreign", |world| {
        let tag = tag(world);
        world.memory.adopted.insert(tag, vec![digest("foreign")]);
    });
    assert_eq!(planned.steps[0].because, Reason::Adopted);
}

#[test]
fn a_tag_on_what_an_earlier_commit_declared_is_moved() {
    let planned = tag_at_asia("earlier", |world| {
        let tag = tag(world);
        world
            .memory
            .declared
            .insert(tag, vec![digest("earlier"), declared(&world.graph, tag)]);
    });
    assert_eq!(planned.steps.len(), 1);
    assert_eq!(planned.steps[0].because, Reason::Moved);
    assert!(matches!(planned.steps[0].action, Action::Tag { replaces: Some(old), .. } if old == digest("earlier")));
}

#[test]
fn a_tag_moved_behind_landfalls_back_is_drift_and_repaired_or_reported() {
    let drifted = |world: &mut World| {
        let (tag, unit) = (tag(world), unit(world));
        let mut written = Values::default();
        written.set(ASIA, world.graph.unit(unit).digest);
        world.memory.written.insert(tag, written);
    };
    let planned = tag_at_asia("foreign", drifted);
    assert_eq!(planned.steps[0].because, Reason::Drift);
    let mut manifests = one_image();
    manifests.targets[0].drift = Drift::Report;
    let planned = tag_of(&manifests, "foreign", drifted);
    assert_eq!(planned.steps, []);
    assert_eq!(planned.withheld[0].1, Withheld::ReportOnly);
}

#[test]
fn with_primary_only_a_tag_at_a_mirror_waits_for_signatures_at_the_primary() {
    let mut manifests = one_image();
    manifests.targets[0].signatures = SignaturePlacement::PrimaryOnly;
    let mut world = world(&manifests, Truth::EMPTY);
    let planned = world.settle();
    let attached: Vec<usize> = planned
        .steps
        .iter()
        .filter(|step| step.action.verb() == Verb::Attach)
        .map(|step| step.at.len())
        .collect();
    assert_eq!(attached, [1, 1, 1]);
    let node = NodeId {
        unit: unit(&world),
        slot: Slot::Attestation(AttestationKind::Promotion),
    };
    world.memory.tried.insert(
        (node, PRIMARY),
        Arc::new(Obstacle::new(ObstacleKind::Interrupted, "reset")),
    );
    let planned = world.settle();
    assert!(planned.steps.iter().all(|step| step.action.verb() != Verb::Tag));
}
