//! What goes with the last of its tags is kept where nobody else has it.

use std::sync::Arc;

use super::truth::{Truth, World, admission};
use super::worlds::world;
use crate::facts::{Answer, Ask, ImageAnswer, SourceAnswer};
use crate::graph::testing::{Manifests, claim, digest, target};
use crate::model::{
    ArtifactKind, Capabilities, Capability, Digest, EndpointIndex, EndpointSet, Knowledge, SignatureForm, Slot, TagId,
    TargetId, UnitId,
};
use crate::plan::{Action, Content, Planned, Provider, Reason};

const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
const EVERYWHERE: EndpointSet = EndpointSet::first(3);

/// `v1` is an index that lists `child`; `latest` stands on that child everywhere, and shall stand on another image.
struct Moving {
    world: World,
    index: UnitId,
    latest: TagId,
}

impl Moving {
    fn new() -> Self {
        let manifests = Manifests::new([target("production", &["asia", "europe"])])
            .with("dns", claim("dns/coredns", "index", &["v1"]))
            .with("dns", claim("dns/coredns", "next", &["latest"]));
        let mut world = world(&manifests, Truth::WHOLE);
        let find = |name: &str| {
            let unit = world
                .graph
                .wanted()
                .find(|unit| world.graph.unit(*unit).digest == digest(name));
            unit.unwrap()
        };
        let (index, next) = (find("index"), find("next"));
        let latest = world.graph.unit(next).tags[0];
        let below = [digest("child")].into();
        for endpoint in EVERYWHERE.iter() {
            let whole = ImageAnswer::WholeWith(Arc::clone(&below));
            world.record(Ask::Image(index), endpoint, Answer::Image(whole));
            world.record(
                Ask::Image(next),
                endpoint,
                Answer::Image(ImageAnswer::WholeWith(Arc::default())),
            );
            world.record(Ask::Tag(latest), endpoint, Answer::Tag(Some(digest("child"))));
        }
        world.memory.declared.insert(latest, vec![digest("child")]);
        world.memory.written.remove(&latest);
        Self { world, index, latest }
    }

    fn at(&mut self, endpoints: EndpointSet) -> &mut Self {
        for endpoint in (EVERYWHERE - endpoints).iter() {
            let right = Answer::Tag(Some(digest("next")));
            self.world.record(Ask::Tag(self.latest), endpoint, right);
        }
        self
    }

    fn source(&mut self, answer: SourceAnswer) -> &mut Self {
        self.world
            .record(Ask::Source(self.index), PRIMARY, Answer::Source(answer));
        self
    }

    fn know(&mut self, drops: bool) -> &mut Self {
        for endpoint in EVERYWHERE.iter() {
            let known: Capabilities = [(Capability::DropsUntagged, Knowledge::declared(drops))]
                .into_iter()
                .collect();
            self.world.memory.capabilities.insert((TargetId(0), endpoint), known);
        }
        self
    }

    fn planned(&mut self) -> Planned {
        self.world.settle()
    }
}

fn moves(planned: &Planned) -> Vec<(EndpointSet, bool, Option<Digest>)> {
    let steps = planned.steps.iter();
    steps
        .filter_map(|step| match step.action {
            Action::Tag { keeps, replaces, .. } => Some((step.at, keeps, replaces)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_tag_leaves_what_another_endpoint_still_has() {
    let mut moving = Moving::new();
    let asia = EndpointSet::only(EndpointIndex(1));
    let planned = moving.at(asia).source(SourceAnswer::Absent).planned();
    assert_eq!(moves(&planned), [(asia, false, Some(digest("child")))]);
}

#[test]
fn what_stands_elsewhere_is_put_back_if_it_was_dropped() {
    let mut moving = Moving::new();
    let asia = EndpointSet::only(EndpointIndex(1));
    let index = moving.index;
    let planned = moving.at(asia).source(SourceAnswer::Absent).planned();
    let [step] = &planned.if_dropped[..] else {
        panic!("{:?}", planned.if_dropped)
    };
    assert_eq!((step.node.unit, step.node.slot), (index, Slot::Image));
    assert_eq!((step.at, step.because), (asia, Reason::IfDropped));
    let Action::Copy { from, .. } = &step.action else {
        panic!("{step:?}")
    };
    // Neither from where it may just be gone.
    assert!(!from.contains(&Provider::Endpoint(EndpointIndex(1))), "{from:?}");
    assert_eq!(step.after[0].node.slot, Slot::Tag(moving.latest));
    let planned = moving.know(false).planned();
    assert_eq!(planned.if_dropped, []);
}

#[test]
fn what_an_anchor_keeps_is_not_put_back() {
    let mut moving = Moving::new();
    let planned = moving.source(SourceAnswer::Absent).planned();
    assert_eq!(planned.if_dropped, []);
}

#[test]
fn a_signature_that_somebody_set_a_tag_on_is_put_back_as_well() {
    let manifests =
        Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let tag = world.graph.unit(unit).tags[0];
    world.settle();
    let bundle = ArtifactKind::Signature(SignatureForm::Bundle);
    let asia = EndpointIndex(1);
    let Answer::Evidence(evidence) = world.truth.answer(&world.graph, Ask::Evidence(unit), asia) else {
        panic!("evidence answers evidence")
    };
    let ours = *evidence.found.iter().find(|found| found.kind == bundle).unwrap();
    let whole = ImageAnswer::WholeWith(Arc::default());
    for endpoint in EVERYWHERE.iter() {
        world.record(Ask::Image(unit), endpoint, Answer::Image(whole.clone()));
        world.record(Ask::Evidence(unit), endpoint, Answer::Evidence(evidence.clone()));
    }
    world.record(Ask::Tag(tag), asia, Answer::Tag(Some(ours.digest)));
    let planned = world.settle();
    assert_eq!(moves(&planned), [(EndpointSet::only(asia), false, Some(ours.digest))]);
    assert!(
        world.facts.unit(unit).found.iter().any(|(found, _)| *found == ours),
        "{:?} {ours:?}",
        world.facts.unit(unit).found
    );
    let put_back = planned.if_dropped.iter().map(|step| (step.node.slot, &step.action));
    let put_back: Vec<_> = put_back.collect();
    assert!(
        matches!(&put_back[..], [(slot, Action::Attach { content: Content::Known(digest), .. })]
            if *slot == bundle.slot() && *digest == ours.digest),
        "{put_back:?}"
    );
    // And where it stood nowhere else, nor were its bytes kept, it is kept before the tag moves.
    let mut lacking = evidence;
    lacking.found.retain(|found| *found != ours);
    for endpoint in [PRIMARY, EndpointIndex(2)] {
        world.record(Ask::Evidence(unit), endpoint, Answer::Evidence(lacking.clone()));
    }
    world.memory.made.clear();
    let planned = world.settle();
    assert_eq!(moves(&planned), [(EndpointSet::only(asia), true, Some(ours.digest))]);
}

#[test]
fn where_every_endpoint_may_drop_it_the_source_is_asked_before_the_tag_moves() {
    let mut moving = Moving::new();
    let asked = (0..8).any(|_| {
        let planned = moving.world.plan();
        assert_eq!(moves(&planned), []);
        moving.world.answer(&planned, || true);
        planned
            .questions
            .iter()
            .any(|question| question.ask == Ask::Source(moving.index))
    });
    assert!(asked);
    let planned = moving.planned();
    assert_eq!(moves(&planned), [(EVERYWHERE, false, Some(digest("child")))]);
}

#[test]
fn what_only_the_registry_itself_has_is_kept_before_the_tag_moves() {
    let mut moving = Moving::new();
    let planned = moving.source(SourceAnswer::Absent).planned();
    assert_eq!(moves(&planned), [(EVERYWHERE, true, Some(digest("child")))]);
}

#[test]
fn a_registry_that_keeps_what_has_no_tag_is_spared_all_this() {
    let mut moving = Moving::new();
    let planned = moving.source(SourceAnswer::Absent).know(false).planned();
    assert_eq!(moves(&planned), [(EVERYWHERE, false, Some(digest("child")))]);
    let planned = moving.know(true).planned();
    assert_eq!(moves(&planned), [(EVERYWHERE, true, Some(digest("child")))]);
}

#[test]
fn what_another_tag_holds_stays() {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "old", &["v1"]))
        .with("dns", claim("dns/coredns", "new", &["latest"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let new = world
        .graph
        .wanted()
        .find(|unit| world.graph.unit(*unit).digest == digest("new"));
    let latest = world.graph.unit(new.unwrap()).tags[0];
    world.memory.declared.insert(latest, vec![digest("old")]);
    for endpoint in EVERYWHERE.iter() {
        world.record(Ask::Tag(latest), endpoint, Answer::Tag(Some(digest("old"))));
    }
    let planned = world.settle();
    assert_eq!(moves(&planned), [(EVERYWHERE, false, Some(digest("old")))]);
}

#[test]
fn a_tag_waits_until_it_is_known_what_its_neighbours_consist_of() {
    let mut moving = Moving::new();
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "index", &["v1"]))
        .with("dns", claim("dns/coredns", "unread", &["v2"]))
        .with("dns", claim("dns/coredns", "next", &["latest"]));
    moving.world.graph.update(&manifests.desired());
    moving.world.facts.grow(&moving.world.graph);
    let unread = moving
        .world
        .graph
        .wanted()
        .find(|unit| moving.world.graph.unit(*unit).digest == digest("unread"));
    let unread = unread.unwrap();
    let admitted = admission(&moving.world.graph, unread);
    moving.world.memory.admissions.insert(unread, admitted);
    moving.source(SourceAnswer::Absent);
    for _ in 0..8 {
        let mut planned = moving.world.plan();
        assert_eq!(moves(&planned), []);
        planned.questions.retain(|question| question.ask != Ask::Image(unread));
        moving.world.answer(&planned, || true);
    }
    assert!(!moves(&moving.planned()).is_empty(), "now it is known");
}
