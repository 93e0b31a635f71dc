//! What goes with the last of its tags is kept where nobody else has it.

use std::sync::Arc;

use super::truth::{Truth, World, admission};
use super::worlds::world;
use crate::facts::{Answer, Ask, ImageAnswer, SourceAnswer};
use crate::graph::testing::{Manifests, claim, digest, target};
use crate::model::{Capabilities, Capability, Digest, EndpointIndex, EndpointSet, Knowledge, TagId, TargetId, UnitId};
use crate::plan::{Action, Planned};

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
