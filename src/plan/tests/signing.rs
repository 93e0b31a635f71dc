//! When something is signed, by whom, and when it is waited.

use jiff::SignedDuration;

use super::truth::{Truth, World};
use super::worlds::{one_image, world};
use crate::facts::{Answer, Ask, Evidence, EvidenceAnswer};
use crate::graph::Graph;
use crate::graph::testing::{Manifests, claim, digest, key, release, signed_with, target};
use crate::model::{ArtifactKind, EndpointIndex, EndpointSet, NodeId, ObstacleKind, TargetId, UnitId};
use crate::plan::{Action, Cause, Content, Planned, ROTATIONS_PER_MINUTE, Reason, Verb};

const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
const EUROPE: EndpointIndex = EndpointIndex(2);

fn unit(world: &World) -> UnitId {
    world.graph.wanted().next().unwrap()
}

fn signed(planned: &Planned) -> usize {
    planned.steps.iter().filter(|step| step.action == Action::Sign).count()
}

fn tagged_at(planned: &Planned) -> EndpointSet {
    let tags = planned.steps.iter().filter(|step| step.action.verb() == Verb::Tag);
    tags.fold(EndpointSet::EMPTY, |all, step| all | step.at)
}

fn is_silent(world: &mut World, endpoint: EndpointIndex) {
    let down = Answer::failed(ObstacleKind::Unreachable, "connection refused");
    world.record(Ask::Endpoint(TargetId(0)), endpoint, down);
}

/// A state that has only just begun, of claims that may have been there before it.
fn first_run() -> World {
    let mut world = world(&one_image(), Truth::EMPTY);
    world.memory.new.clear();
    world
}

/// Whole, under a state that knows all of it; then the signer has another key.
fn rotated(previous: &[&str]) -> World {
    let mut world = world(&one_image(), Truth::WHOLE);
    world.settle();
    world.memory.waiting.clear();
    let after = signed_with(claim("dns/coredns", "a", &["v1"]), "another key", previous);
    let after = Manifests::new([target("production", &["asia", "europe"])]).with("dns", after);
    let touched = world.graph.update(&after.desired());
    world.facts.follow(&world.graph, &touched);
    // What the truth finds is the earlier key's: it counts where the manifests say so.
    let keys = if previous.is_empty() {
        Vec::new()
    } else {
        vec![release()]
    };
    let found = ArtifactKind::ALL.into_iter().flat_map(|kind| {
        let evidence = move |by| Evidence {
            kind,
            digest: digest("earlier"),
            by,
        };
        keys.iter().copied().map(evidence).collect::<Vec<_>>()
    });
    let answer = EvidenceAnswer {
        found: found.collect(),
        ..EvidenceAnswer::default()
    };
    let id = unit(&world);
    for endpoint in EndpointSet::first(3).iter() {
        world.record(Ask::Evidence(id), endpoint, Answer::Evidence(answer.clone()));
    }
    world
}

#[test]
fn the_first_run_beside_a_dead_mirror_signs_and_tags_wherever_somebody_answers() {
    let mut world = first_run();
    is_silent(&mut world, EUROPE);
    let planned = world.settle();
    assert_eq!(signed(&planned), 3);
    assert_eq!(tagged_at(&planned), EndpointSet::first(2));
    assert!(
        planned
            .blocked
            .iter()
            .all(|blocked| matches!(blocked.cause, Cause::Endpoint { .. }))
    );
}

#[test]
fn a_tag_that_stands_is_no_evidence_of_an_earlier_signature() {
    let mut world = first_run();
    let id = unit(&world);
    is_silent(&mut world, EUROPE);
    let repository = world.graph.unit(id).repository;
    world.record(
        Ask::Tags(repository),
        PRIMARY,
        Answer::Tags(Some(vec!["v1".parse().unwrap()])),
    );
    world.record(
        Ask::Tag(world.graph.unit(id).tags[0]),
        PRIMARY,
        Answer::Tag(Some(digest("a"))),
    );
    assert_eq!(signed(&world.settle()), 3);
}

#[test]
fn while_the_primary_is_silent_the_first_run_waits_as_long_as_it_is_told() {
    let mut world = first_run();
    is_silent(&mut world, PRIMARY);
    let planned = world.settle();
    assert_eq!(signed(&planned), 0);
    let silence = |blocked: &crate::plan::Blocked| matches!(blocked.cause, Cause::Silence { endpoint: PRIMARY, .. });
    assert!(planned.blocked.iter().any(silence));
    let since = world.now.checked_sub(world.scope.sign_patience).unwrap();
    world.memory.silent_since.insert((TargetId(0), PRIMARY), since);
    assert_eq!(signed(&world.settle()), 3);
}

#[test]
fn an_open_question_is_no_silence() {
    let mut world = first_run();
    let id = unit(&world);
    let throttled = Answer::failed(ObstacleKind::Throttled, "429");
    let repository = world.graph.unit(id).repository;
    world.record(Ask::Tags(repository), EUROPE, Answer::Tags(Some(Vec::new())));
    world.record(Ask::Evidence(id), EUROPE, throttled);
    let since = world.now.checked_sub(SignedDuration::from_hours(2)).unwrap();
    world.memory.silent_since.insert((TargetId(0), EUROPE), since);
    assert_eq!(signed(&world.settle()), 0);
}

#[test]
fn what_an_earlier_state_signed_is_waited_for_until_the_operator_says_otherwise() {
    let mut world = first_run();
    let id = unit(&world);
    is_silent(&mut world, EUROPE);
    // One form of it is left at the primary.
    let repository = world.graph.unit(id).repository;
    world.record(Ask::Tags(repository), PRIMARY, Answer::Tags(Some(Vec::new())));
    let found = EvidenceAnswer {
        found: vec![Evidence {
            kind: ArtifactKind::ALL[0],
            digest: digest("earlier"),
            by: release(),
        }],
        ..EvidenceAnswer::default()
    };
    world.record(Ask::Evidence(id), PRIMARY, Answer::Evidence(found));
    let since = world.now.checked_sub(SignedDuration::from_hours(20)).unwrap();
    world.memory.silent_since.insert((TargetId(0), EUROPE), since);
    assert_eq!(signed(&world.settle()), 0);
    world.scope.sign_despite_silence = true;
    assert_eq!(
        signed(&world.settle()),
        2,
        "the one that stands is spread, the others are made"
    );
}

#[test]
fn another_key_without_an_earlier_one_signs_anew_at_once() {
    let world = rotated(&[]);
    let planned = world.plan();
    assert_eq!(planned.questions, []);
    assert_eq!(signed(&planned), 3);
    for step in &planned.steps {
        assert_eq!(step.because, Reason::Rotated, "{step:?}");
        if let Action::Attach { content, .. } = &step.action {
            assert_eq!((*content, step.at.len()), (Content::MadeHere, 3));
        }
    }
}

#[test]
fn with_an_earlier_key_the_new_one_signs_too_and_tags_need_not_wait_for_it() {
    let mut world = rotated(&["a public key"]);
    let id = unit(&world);
    let tag = world.graph.unit(id).tags[0];
    world.record(Ask::Tag(tag), EUROPE, Answer::Tag(None));
    world.memory.rotated.extend(vec![world.now; ROTATIONS_PER_MINUTE]);
    let planned = world.settle();
    assert_eq!(signed(&planned), 0);
    assert_eq!(tagged_at(&planned), EndpointSet::only(EUROPE));
    let until = world.now.checked_add(SignedDuration::from_mins(1)).unwrap();
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(
        (&planned.blocked[0].cause, planned.blocked[0].nodes),
        (&Cause::Rotation { until }, 3)
    );
    world.now = until;
    assert_eq!(signed(&world.plan()), 3);
}

#[test]
fn journalled_bytes_of_another_key_are_not_attached() {
    let mut world = rotated(&[]);
    for kind in ArtifactKind::ALL {
        let node = NodeId {
            unit: unit(&world),
            slot: kind.slot(),
        };
        world.memory.waiting.insert((node, release()), digest("earlier"));
    }
    assert_eq!(signed(&world.plan()), 3);
    // Those of the present key are.
    let node = NodeId {
        unit: unit(&world),
        slot: ArtifactKind::ALL[0].slot(),
    };
    world
        .memory
        .waiting
        .insert((node, key("another key").identity), digest("made"));
    let planned = world.plan();
    assert_eq!(signed(&planned), 2);
    assert!(planned.steps.iter().any(|step| step.node == node
        && matches!(&step.action, Action::Attach { content: Content::Journal(made), .. } if *made == digest("made"))));
}

#[test]
fn no_more_than_the_stated_number_is_signed_anew_in_a_minute() {
    let count = ROTATIONS_PER_MINUTE / 3 + 10;
    let manifests = |signer: &str| {
        (0..count).fold(Manifests::new([target("production", &[])]), |manifests, number| {
            let mut one = signed_with(claim("app", &number.to_string(), &[]), signer, &[]);
            one.endpoints = EndpointSet::PRIMARY;
            manifests.with("team", one)
        })
    };
    let mut world = World::new(Graph::new(&manifests("a public key").desired()), Truth::WHOLE);
    world.settle();
    let touched = world.graph.update(&manifests("another key").desired());
    world.facts.follow(&world.graph, &touched);
    let units: Vec<UnitId> = world.graph.wanted().collect();
    for id in units {
        world.record(Ask::Evidence(id), PRIMARY, Answer::Evidence(EvidenceAnswer::default()));
    }
    // All that is due is planned; whoever begins it counts. Once a minute's number was begun, the rest waits by name.
    world.memory.rotated = std::iter::repeat_n(world.now, ROTATIONS_PER_MINUTE).collect();
    let planned = world.plan();
    assert_eq!(signed(&planned), 0);
    assert!(
        planned
            .blocked
            .iter()
            .any(|blocked| matches!(blocked.cause, Cause::Rotation { .. }))
    );
}
