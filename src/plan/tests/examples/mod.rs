//! What is planned in worlds that can be told in a sentence.

mod attempts;
mod tags;

use std::sync::Arc;

use jiff::SignedDuration;

use super::truth::{Truth, World, admission, declared};
use super::worlds::{one_image, world};
use crate::facts::{Answer, Ask, Attempt, Class, Depth, EvidenceAnswer, ImageAnswer, LeftBehind, SourceAnswer, Values};
use crate::graph::testing::{Manifests, chained, claim, digest, release, target, unsigned};
use crate::model::{
    ArtifactKind, AttestationKind, Drift, EndpointIndex, EndpointSet, Incomplete, NodeId, Obstacle, ObstacleKind,
    SignatureForm, SignaturePlacement, Slot, TagId, TargetId, UnitId,
};
use crate::plan::{Action, Cause, Content, Planned, Provider, Reason, Units, Verb, Withheld};

const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
const ASIA: EndpointIndex = EndpointIndex(1);
const EUROPE: EndpointIndex = EndpointIndex(2);

fn unit(world: &World) -> UnitId {
    world.graph.wanted().next().unwrap()
}

fn tag(world: &World) -> TagId {
    world.graph.unit(unit(world)).tags[0]
}

fn verbs(planned: &Planned) -> Vec<(Verb, usize)> {
    planned
        .steps
        .iter()
        .map(|step| (step.action.verb(), step.at.len()))
        .collect()
}

fn causes(planned: &Planned) -> Vec<&Cause> {
    planned.blocked.iter().map(|blocked| &blocked.cause).collect()
}

#[test]
fn the_first_question_to_an_endpoint_is_whether_it_answers() {
    let world = world(&one_image(), Truth::EMPTY);
    let planned = world.plan();
    assert_eq!(planned.questions.len(), 1);
    assert_eq!(planned.questions[0].ask, Ask::Endpoint(TargetId(0)));
    assert_eq!(planned.questions[0].at.len(), 3);
    assert_eq!(planned.questions[0].class, Class::Unblocks);
}

#[test]
fn a_new_claim_is_copied_signed_attested_and_tagged_last() {
    let mut world = world(&one_image(), Truth::EMPTY);
    let planned = world.settle();
    let (copy, sign, attach, tag) = (Verb::Copy, Verb::Sign, Verb::Attach, Verb::Tag);
    let one = [(sign, 0), (attach, 3)];
    assert_eq!(
        verbs(&planned),
        [&[(copy, 3)][..], &one, &one, &one, &[(tag, 3)]].concat()
    );
    assert_eq!(planned.blocked, []);
    let Action::Copy { from, .. } = &planned.steps[0].action else {
        panic!("the copy comes first")
    };
    assert_eq!(
        **from,
        [Provider::Source],
        "before admission bytes come from the source only"
    );
    assert!(planned.steps.iter().all(|step| step.because == Reason::Promotion));
}

#[test]
fn a_dead_mirror_is_one_entry_and_stops_nothing_elsewhere() {
    let manifests = (0..20).fold(one_image(), |manifests, index| {
        manifests.with("more", claim(&format!("more/{index}"), "b", &["v1"]))
    });
    let mut world = world(&manifests, Truth::EMPTY);
    let down = Answer::failed(ObstacleKind::Unreachable, "connection refused");
    world.record(Ask::Endpoint(TargetId(0)), EUROPE, down);
    let planned = world.settle();
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(planned.blocked[0].nodes, 21);
    assert!(matches!(
        planned.blocked[0].cause,
        Cause::Endpoint { endpoint: EUROPE, .. }
    ));
    let tags = planned.steps.iter().filter(|step| step.action.verb() == Verb::Tag);
    assert_eq!(tags.map(|step| step.at.len()).sum::<usize>(), 21 * 2);
}

#[test]
fn a_promotion_record_admits_after_state_was_lost_even_where_the_source_has_gone() {
    let mut world = world(
        &one_image(),
        Truth {
            remembered: 0,
            ..Truth::WHOLE
        },
    );
    world.memory.new.clear();
    let unit = unit(&world);
    world.record(Ask::Source(unit), PRIMARY, Answer::Source(SourceAnswer::Absent));
    let planned = world.settle();
    assert_eq!(world.facts.unit(unit).admission, Some(admission(&world.graph, unit)));
    assert_eq!(planned.blocked, []);
    assert_eq!(planned.steps, []);
}

#[test]
fn a_lost_image_is_repaired_from_where_it_stands_and_the_source_last() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    world.record(Ask::Image(unit), ASIA, Answer::Image(ImageAnswer::Lacking));
    let planned = world.settle();
    assert_eq!(verbs(&planned), [(Verb::Copy, 1)]);
    let Action::Copy { from, .. } = &planned.steps[0].action else {
        panic!("it is copied")
    };
    let endpoints = [PRIMARY, EUROPE].map(Provider::Endpoint);
    assert_eq!(**from, [endpoints[0], endpoints[1], Provider::Source]);
    assert_eq!(planned.steps[0].because, Reason::Missing);
}

#[test]
fn only_where_a_tag_is_to_be_set_the_image_is_looked_at_down_to_its_blobs() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let (unit, tag) = (unit(&world), tag(&world));
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(None));
    world.record(Ask::Image(unit), ASIA, Answer::Image(ImageAnswer::Whole));
    let mut deep = EndpointSet::EMPTY;
    let planned = loop {
        let planned = world.plan();
        for question in planned
            .questions
            .iter()
            .filter(|question| question.depth == Depth::Blobs)
        {
            assert_eq!(question.ask, Ask::Image(unit));
            deep |= question.at;
        }
        if planned.questions.is_empty() {
            break planned;
        }
        assert!(planned.steps.is_empty(), "what was not looked at gets no tag");
        world.answer(&planned, || true);
    };
    assert_eq!(deep, EndpointSet::only(ASIA));
    assert_eq!(verbs(&planned), [(Verb::Tag, 1)]);
}

#[test]
fn where_a_copy_did_not_end_the_image_is_looked_at_down_to_its_blobs_though_its_tag_stands() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    world.memory.unfinished.insert(unit, EndpointSet::only(ASIA));
    let asked = |world: &World| {
        let planned = world.plan();
        let deep = planned
            .questions
            .iter()
            .filter(|question| question.depth == Depth::Blobs);
        deep.map(|question| (question.ask, question.at)).collect::<Vec<_>>()
    };
    let up = world.plan();
    world.answer(&up, || true);
    assert!(asked(&world).contains(&(Ask::Image(unit), EndpointSet::only(ASIA))));
    world.facts.record(
        &world.graph,
        Ask::Image(unit),
        Depth::Blobs,
        ASIA,
        Answer::Image(ImageAnswer::Lacking),
        world.now,
    );
    let planned = world.settle();
    assert_eq!(verbs(&planned), [(Verb::Copy, 1)]);
    assert_eq!(planned.steps[0].at, EndpointSet::only(ASIA));
}

#[test]
fn a_lost_signature_is_restored_with_the_same_bytes() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    let Answer::Evidence(mut answer) = world.truth.answer(&world.graph, Ask::Evidence(unit), EUROPE) else {
        panic!("evidence answers evidence")
    };
    let lost = answer.found.remove(0);
    world.record(Ask::Evidence(unit), EUROPE, Answer::Evidence(answer));
    let planned = world.settle();
    assert_eq!(verbs(&planned), [(Verb::Attach, 1)]);
    let digest = lost.digest;
    assert_eq!(lost.kind, ArtifactKind::Signature(SignatureForm::Bundle));
    assert!(
        matches!(planned.steps[0].action, Action::Attach { content: Content::Known(known), .. } if known == digest)
    );
}

#[test]
fn journalled_bytes_are_attached_and_not_made_again() {
    let mut world = world(&one_image(), Truth::EMPTY);
    let node = NodeId {
        unit: unit(&world),
        slot: Slot::Signature(SignatureForm::Tag),
    };
    world.memory.waiting.insert((node, release()), digest("signed"));
    world.memory.note_made(node, release());
    let planned = world.settle();
    let of_node: Vec<_> = planned.steps.iter().filter(|step| step.node == node).collect();
    assert_eq!(of_node.len(), 1);
    assert!(matches!(
        of_node[0].action,
        Action::Attach {
            content: Content::Journal(_),
            ..
        }
    ));
}

/// Admitted and signed before, and the signature is gone wherever somebody answers; Europe is silent.
fn a_signature_that_may_stand_at_a_silent_mirror() -> World {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    world.memory.waiting.clear();
    for endpoint in [PRIMARY, ASIA] {
        let nothing = EvidenceAnswer::default();
        world.record(Ask::Evidence(unit), endpoint, Answer::Evidence(nothing));
    }
    let down = Answer::failed(ObstacleKind::Unreachable, "connection refused");
    world.record(Ask::Endpoint(TargetId(0)), EUROPE, down);
    world
}

#[test]
fn what_may_be_signed_at_a_silent_mirror_is_not_signed_anew() {
    let mut world = a_signature_that_may_stand_at_a_silent_mirror();
    let planned = world.settle();
    assert_eq!(planned.steps, []);
    assert!(causes(&planned).contains(&&Cause::Silence {
        target: TargetId(0),
        endpoint: EUROPE
    }));
}

#[test]
fn it_is_signed_anew_after_an_hour_of_silence_or_on_the_operators_word() {
    let mut world = a_signature_that_may_stand_at_a_silent_mirror();
    let since = world.now.checked_sub(SignedDuration::from_mins(59)).unwrap();
    world.memory.silent_since.insert((TargetId(0), EUROPE), since);
    assert_eq!(world.settle().steps, []);
    let since = world.now.checked_sub(SignedDuration::from_hours(1)).unwrap();
    world.memory.silent_since.insert((TargetId(0), EUROPE), since);
    let signed = |planned: &Planned| planned.steps.iter().filter(|step| step.action == Action::Sign).count();
    assert_eq!(signed(&world.settle()), 3);
    let unit = unit(&world);
    world.memory.recorded.insert(unit);
    assert_eq!(world.settle().steps, [], "after state was lost, silence is not enough");
    world.scope.sign_despite_silence = true;
    assert_eq!(signed(&world.settle()), 3);
}

#[test]
fn a_chained_claim_waits_until_what_it_reads_from_stands_whole_at_one_endpoint() {
    let manifests = Manifests::new([
        target("staging", &["asia", "europe"]),
        target("production", &["asia", "europe"]),
    ])
    .with("dev", claim("app", "a", &["v1"]))
    .with("ops", chained(claim("app", "a", &["v1"]), 0, 1));
    let mut world = world(&manifests, Truth::EMPTY);
    let downstream = world
        .graph
        .wanted()
        .find(|unit| world.graph.upstream(*unit).is_some())
        .unwrap();
    let planned = world.settle();
    assert!(planned.steps.iter().all(|step| step.node.unit != downstream));
    assert!(matches!(causes(&planned)[..], [Cause::Upstream { .. }]));
    // Asking for the one asks for the other.
    world.scope.units = Units::Only(vec![downstream]);
    assert_eq!(world.plan().units, 2);
    world.perform(&planned);
    let planned = world.settle();
    assert!(!planned.steps.is_empty());
    assert!(planned.steps.iter().all(|step| step.node.unit == downstream));
}

#[test]
fn an_unsigned_claim_has_no_signatures_nor_attestations() {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", unsigned(claim("dns/coredns", "a", &["v1"])));
    let mut world = world(&manifests, Truth::EMPTY);
    assert_eq!(verbs(&world.settle()), [(Verb::Copy, 3), (Verb::Tag, 3)]);
}

#[test]
fn a_source_that_cannot_give_the_image_blocks_the_claim() {
    let refused = |answer: SourceAnswer| {
        let mut world = world(&one_image(), Truth::EMPTY);
        let unit = unit(&world);
        world.record(Ask::Source(unit), PRIMARY, Answer::Source(answer));
        let planned = world.settle();
        assert_eq!(planned.steps, []);
        assert_eq!(planned.blocked.len(), 1);
        planned.blocked[0].cause.clone()
    };
    let unit = UnitId(0);
    assert_eq!(refused(SourceAnswer::Absent), Cause::SourceAbsent { unit });
    let missing: Arc<[_]> = [digest("child")].into();
    let lacking = SourceAnswer::Lacking(Arc::clone(&missing));
    assert_eq!(refused(lacking), Cause::SourceLacking { unit, missing });
    let obstacle = Arc::new(Obstacle::new(ObstacleKind::Content, "it is Docker schema 1"));
    assert_eq!(
        refused(SourceAnswer::Refused(Arc::clone(&obstacle))),
        Cause::SourceRefused { unit, obstacle }
    );
}

#[test]
fn what_stays_behind_is_named_and_holds_up_nothing() {
    let mut world = world(&one_image(), Truth::EMPTY);
    let unit = unit(&world);
    let Answer::Source(SourceAnswer::Whole(image)) = world.truth.answer(&world.graph, Ask::Source(unit), PRIMARY)
    else {
        panic!("the source is whole")
    };
    let left: Arc<[_]> = [LeftBehind {
        digest: digest("junk"),
        why: "it is no manifest".into(),
    }]
    .into();
    let answer = SourceAnswer::WithoutAll {
        image,
        left: Arc::clone(&left),
    };
    world.record(Ask::Source(unit), PRIMARY, Answer::Source(answer.clone()));
    let planned = world.settle();
    let cause = Cause::LeftBehind {
        unit,
        left: Arc::clone(&left),
    };
    assert_eq!(causes(&planned), [&cause]);
    assert_eq!(verbs(&planned).last(), Some(&(Verb::Tag, 3)));

    let mut manifests = one_image();
    manifests.targets[0].carry.incomplete = Incomplete::Refuse;
    let mut strict = self::world(&manifests, Truth::EMPTY);
    strict.record(Ask::Source(unit), PRIMARY, Answer::Source(answer));
    let planned = strict.settle();
    assert_eq!(causes(&planned), [&Cause::SourceWithoutAll { unit, left }]);
    assert_eq!(planned.steps, []);
}

#[test]
fn what_travelled_and_is_gone_everywhere_is_reported_and_holds_up_nothing_else() {
    let with_referrer = claim("dns/coredns", "e", &["v1"]);
    let manifests = Manifests::new([target("production", &["asia", "europe"])]).with("dns", with_referrer);
    let mut world = world(&manifests, Truth::WHOLE);
    let unit = unit(&world);
    let item = admission(&world.graph, unit).carried[0].clone();
    for endpoint in [PRIMARY, EUROPE, ASIA] {
        let mut evidence = match world.truth.answer(&world.graph, Ask::Evidence(unit), endpoint) {
            Answer::Evidence(evidence) => evidence,
            other => panic!("{other:?}"),
        };
        evidence.missing_carried = vec![item.clone()];
        world.record(Ask::Evidence(unit), endpoint, Answer::Evidence(evidence));
    }
    world.record(Ask::Image(unit), ASIA, Answer::Image(ImageAnswer::Lacking));
    world.record(Ask::Source(unit), PRIMARY, Answer::Source(SourceAnswer::Absent));
    let planned = world.settle();
    let digests = [item.digest].into();
    assert_eq!(causes(&planned), [&Cause::CarriedLost { unit, digests }]);
    assert_eq!(verbs(&planned), [(Verb::Copy, 1)], "the image itself is repaired");

    world.record(Ask::Source(unit), PRIMARY, Answer::failed(ObstacleKind::Server, "503"));
    let planned = world.settle();
    assert_eq!(causes(&planned), [] as [&Cause; 0], "the source may have it");
    assert_eq!(verbs(&planned), [(Verb::Copy, 1), (Verb::Copy, 2)]);
}

#[test]
fn an_unknown_place_authorises_no_write_and_is_asked_in_the_next_pass() {
    let mut world = world(&one_image(), Truth::WHOLE);
    let unit = unit(&world);
    let failed = Answer::failed(ObstacleKind::Throttled, "429");
    world.record(Ask::Image(unit), ASIA, failed);
    let planned = world.settle();
    assert_eq!(planned.steps, []);
    assert!(matches!(
        causes(&planned)[..],
        [Cause::Place {
            ask: Ask::Image(_),
            endpoint: ASIA,
            ..
        }]
    ));
    world.now = world.now.checked_add(SignedDuration::from_secs(1)).unwrap();
    let hour = SignedDuration::from_hours(1);
    let bounds = crate::facts::Bounds {
        tags: hour,
        images: hour,
        evidence: hour,
    };
    world.facts.begin_pass(&bounds, world.now);
    let planned = world.settle();
    assert_eq!((planned.steps, planned.blocked), (Vec::new(), Vec::new()));
    assert_eq!(world.facts.unit(unit).image.present, EndpointSet::first(3));
}
