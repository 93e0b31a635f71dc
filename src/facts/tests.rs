use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    Answer, Ask, Bounds, Depth, Evidence, EvidenceAnswer, Facts, ImageAnswer, Known, SourceAnswer, SourceFact,
};
use crate::graph::Graph;
use crate::graph::testing::{Manifests, claim, digest, release, target};
use crate::model::{
    ArtifactKind, Carried, CarriedKind, Digest, EndpointIndex, EndpointSet, ObstacleKind, RepositoryId, SignatureForm,
    TagId, TargetId, UnitId,
};

const ASIA: EndpointIndex = EndpointIndex(1);
const UNIT: UnitId = UnitId(0);
const TAG: TagId = TagId(0);
const LIST: Ask = Ask::Tags(RepositoryId(0));

fn graph() -> Graph {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "a", &["v1", "v2"]))
        .with("dns", claim("dns/coredns", "b", &["v3"]));
    Graph::new(&manifests.desired())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

struct Book {
    graph: Graph,
    facts: Facts,
    now: Timestamp,
}

impl Book {
    fn new() -> Self {
        let graph = graph();
        Self {
            facts: Facts::new(&graph),
            graph,
            now: at(10_000),
        }
    }

    fn record(&mut self, ask: Ask, answer: Answer) {
        self.facts
            .record(&self.graph, ask, Depth::Manifests, ASIA, answer, self.now);
    }

    fn tags(&mut self, tags: &[&str]) {
        let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        self.record(LIST, Answer::Tags(Some(tags)));
    }
}

fn only_at_asia(known: Known) -> (bool, bool, bool, bool) {
    let has = |set: EndpointSet| set.contains(ASIA);
    (
        has(known.present),
        has(known.absent),
        has(known.forbidden),
        has(known.unknown),
    )
}

const ALL: EndpointSet = EndpointSet::first(3);
const PRESENT: (bool, bool, bool, bool) = (true, false, false, false);
const ABSENT: (bool, bool, bool, bool) = (false, true, false, false);
const FORBIDDEN: (bool, bool, bool, bool) = (false, false, true, false);
const UNKNOWN: (bool, bool, bool, bool) = (false, false, false, true);
const NOT_ASKED: (bool, bool, bool, bool) = (false, false, false, false);

#[test]
fn a_list_says_what_is_absent_and_not_what_the_rest_stands_on() {
    let mut book = Book::new();
    book.tags(&["v2", "unrelated"]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(0)).known), ABSENT);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), NOT_ASKED);
    book.record(Ask::Tag(TagId(1)), Answer::Tag(Some(digest("a"))));
    assert_eq!(book.facts.tag(TagId(1)).values.get(ASIA), Some(digest("a")));
    // A later list that still names the tag says nothing new of it.
    book.tags(&["v2"]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), PRESENT);
}

#[test]
fn a_list_that_lacks_a_tag_which_stands_permits_no_write() {
    let mut book = Book::new();
    book.record(Ask::Tag(TagId(1)), Answer::Tag(Some(digest("a"))));
    book.tags(&[]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), PRESENT, "lists come late");
    // A later list may know more: the registry is asked itself.
    book.now = at(10_060);
    book.tags(&[]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), NOT_ASKED);
    assert_eq!(book.facts.tag(TagId(1)).values.get(ASIA), None);
    book.record(Ask::Tag(TagId(1)), Answer::Tag(None));
    book.tags(&[]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), ABSENT);
}

#[test]
fn a_list_in_lower_case_leaves_open_whether_a_tag_with_upper_case_stands() {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "a", &["V1-RC", "V2"]));
    let graph = Graph::new(&manifests.desired());
    let mut book = Book {
        facts: Facts::new(&graph),
        graph,
        now: at(10_000),
    };
    book.tags(&["v1-rc"]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(0)).known), NOT_ASKED);
    assert_eq!(only_at_asia(book.facts.tag(TagId(1)).known), ABSENT);
    // What the registry then says of the tag itself stays through later lists.
    book.record(Ask::Tag(TagId(0)), Answer::Tag(Some(digest("a"))));
    book.tags(&["v1-rc"]);
    assert_eq!(only_at_asia(book.facts.tag(TagId(0)).known), PRESENT);
}

#[test]
fn a_tag_that_a_commit_adds_is_judged_by_the_list_that_was_read_before() {
    let mut book = Book::new();
    book.tags(&["v4"]);
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "a", &["v1", "v2", "v4", "v5"]))
        .with("dns", claim("dns/coredns", "b", &["v3"]));
    book.graph.update(&manifests.desired());
    book.facts.grow(&book.graph);
    let known = |book: &Book, name: &str| {
        let tag = book.graph.find_tag(RepositoryId(0), &name.parse().unwrap()).unwrap();
        only_at_asia(book.facts.tag(tag).known)
    };
    assert_eq!((known(&book, "v4"), known(&book, "v5")), (NOT_ASKED, ABSENT));
    // It is as old as that list, no older.
    let hour = SignedDuration::from_hours(1);
    let bounds = Bounds {
        tags: hour,
        images: hour,
        evidence: hour,
    };
    book.facts.begin_pass(&bounds, at(10_060));
    assert_eq!(known(&book, "v5"), ABSENT);
}

#[test]
fn an_error_is_never_an_absence_and_takes_back_what_was_known() {
    let mut book = Book::new();
    let places = [
        LIST,
        Ask::Image(UNIT),
        Ask::Evidence(UNIT),
        Ask::Tag(TAG),
        Ask::Endpoint(TargetId(0)),
    ];
    let known = |book: &Book, ask: Ask| match ask {
        Ask::Endpoint(target) => book.facts.endpoints(target),
        Ask::Tags(repository) => book.facts.list(repository),
        Ask::Image(unit) => book.facts.unit(unit).image,
        Ask::Evidence(unit) => book.facts.unit(unit).evidence,
        Ask::Tag(tag) => book.facts.tag(tag).known,
        Ask::Source(_) | Ask::Standing(_) => unreachable!("sources are kept apart"),
    };
    book.record(LIST, Answer::Tags(Some(Vec::new())));
    book.record(Ask::Image(UNIT), Answer::Image(ImageAnswer::Whole));
    book.record(Ask::Evidence(UNIT), Answer::Evidence(EvidenceAnswer::default()));
    book.record(Ask::Tag(TAG), Answer::Tag(Some(digest("a"))));
    book.record(Ask::Endpoint(TargetId(0)), Answer::Endpoint);
    for ask in places {
        assert_eq!(only_at_asia(known(&book, ask)), PRESENT, "{ask:?}");
        book.record(ask, Answer::failed(ObstacleKind::Throttled, "429"));
        assert_eq!(only_at_asia(known(&book, ask)), UNKNOWN, "{ask:?}");
        assert_eq!(
            book.facts.failure(ask, ASIA).map(|obstacle| &*obstacle.text),
            Some("429")
        );
        book.record(ask, Answer::failed(ObstacleKind::Denied, "403"));
        assert_eq!(only_at_asia(known(&book, ask)), FORBIDDEN, "{ask:?}");
    }
    assert_eq!(book.facts.tag(TAG).values.get(ASIA), None);
    book.facts.begin_pass(&Bounds::FRESH, at(10_000));
    for ask in places {
        assert_eq!(
            only_at_asia(known(&book, ask)),
            NOT_ASKED,
            "{ask:?} is asked again in the next pass"
        );
    }
}

#[test]
fn what_is_older_than_its_bound_counts_as_not_asked() {
    let mut book = Book::new();
    book.record(Ask::Image(UNIT), Answer::Image(ImageAnswer::Whole));
    book.tags(&["v1"]);
    book.record(Ask::Tag(TAG), Answer::Tag(Some(digest("a"))));
    let bounds = Bounds {
        tags: SignedDuration::from_secs(60),
        images: SignedDuration::from_secs(600),
        evidence: SignedDuration::ZERO,
    };
    book.facts.begin_pass(&bounds, at(10_060));
    assert_eq!(only_at_asia(book.facts.tag(TAG).known), PRESENT);
    book.facts.begin_pass(&bounds, at(10_061));
    assert_eq!(only_at_asia(book.facts.tag(TAG).known), NOT_ASKED);
    assert_eq!(only_at_asia(book.facts.list(RepositoryId(0))), NOT_ASKED);
    assert_eq!(only_at_asia(book.facts.unit(UNIT).image), PRESENT);
    book.facts.begin_pass(&bounds, at(10_601));
    assert_eq!(only_at_asia(book.facts.unit(UNIT).image), NOT_ASKED);
}

#[test]
fn only_what_a_source_offered_whole_outlives_the_pass() {
    let mut book = Book::new();
    book.record(Ask::Source(UNIT), Answer::Source(SourceAnswer::Absent));
    assert!(book.facts.source(UNIT).is_some());
    book.record(Ask::Source(UnitId(1)), Answer::failed(ObstacleKind::Denied, "403"));
    assert_eq!(book.facts.source(UnitId(1)), Some(&SourceFact::Failed));
    book.facts.begin_pass(&Bounds::FRESH, at(10_000));
    assert_eq!((book.facts.source(UNIT), book.facts.source(UnitId(1))), (None, None));
}

fn bill_of_materials() -> Carried {
    Carried {
        digest: digest("bill of materials"),
        kind: CarriedKind::Referrer { subject: digest("a") },
    }
}

#[test]
fn a_copy_brings_the_image_its_blobs_and_what_travels_with_it() {
    let mut book = Book::new();
    let missing = EvidenceAnswer {
        missing_carried: vec![bill_of_materials()],
        ..EvidenceAnswer::default()
    };
    book.record(Ask::Image(UNIT), Answer::Image(ImageAnswer::Lacking));
    book.record(Ask::Evidence(UNIT), Answer::Evidence(missing));
    assert_eq!(book.facts.unit(UNIT).missing_carried.len(), 1);
    book.facts
        .copied(&book.graph, UNIT, ASIA, &[bill_of_materials()], at(10_001));
    assert_eq!(only_at_asia(book.facts.unit(UNIT).image), PRESENT);
    assert!(book.facts.present(UNIT, ALL).contains(ASIA));
    assert!(book.facts.unit(UNIT).missing_carried.is_empty());
}

#[test]
fn beside_an_image_in_a_repository_that_was_not_there_stands_nothing_unasked() {
    let mut book = Book::new();
    book.facts.copied(&book.graph, UNIT, ASIA, &[], at(10_001));
    assert_eq!(only_at_asia(book.facts.unit(UNIT).evidence), NOT_ASKED);
    book.record(LIST, Answer::Tags(None));
    book.facts.copied(&book.graph, UNIT, ASIA, &[], at(10_001));
    assert_eq!(only_at_asia(book.facts.unit(UNIT).evidence), PRESENT);
}

#[test]
fn a_doubted_place_and_its_list_are_not_asked() {
    let mut book = Book::new();
    book.tags(&["v1"]);
    book.record(Ask::Tag(TAG), Answer::Tag(Some(digest("a"))));
    book.facts.doubt(&book.graph, Ask::Tag(TAG), ASIA);
    assert_eq!(only_at_asia(book.facts.tag(TAG).known), NOT_ASKED);
    assert_eq!(book.facts.tag(TAG).values.get(ASIA), None);
    assert_eq!(only_at_asia(book.facts.list(RepositoryId(0))), NOT_ASKED);
}

fn signature(form: SignatureForm) -> Evidence {
    Evidence {
        kind: ArtifactKind::Signature(form),
        digest: digest("signature"),
        by: release(),
    }
}

#[test]
fn what_a_tag_leaves_is_not_asked_any_more_with_all_that_lists_it() {
    let mut book = Book::new();
    let whole = |below: &[Digest]| Answer::Image(ImageAnswer::WholeWith(below.into()));
    let (index, other) = (UNIT, UnitId(1));
    book.record(Ask::Image(index), whole(&[digest("child")]));
    book.record(Ask::Image(other), whole(&[]));
    book.facts
        .displaced(&book.graph, RepositoryId(0), digest("child"), ASIA);
    assert_eq!(only_at_asia(book.facts.unit(index).image), NOT_ASKED);
    assert_eq!(only_at_asia(book.facts.unit(other).image), PRESENT);
    // Its manifests are the same for ever.
    assert_eq!(book.facts.unit(index).below.as_deref(), Some(&[digest("child")][..]));
}

#[test]
fn signatures_stand_where_they_were_found_or_attached() {
    let mut book = Book::new();
    let evidence = signature(SignatureForm::Bundle);
    let slot = crate::model::Slot::Signature(SignatureForm::Bundle);
    book.facts.attached(UNIT, EndpointIndex(2), evidence);
    let found = EvidenceAnswer {
        found: vec![evidence],
        ..EvidenceAnswer::default()
    };
    book.record(Ask::Evidence(UNIT), Answer::Evidence(found));
    assert_eq!(book.facts.slot_at(&book.graph, UNIT, slot).len(), 2);
    assert_eq!(book.facts.unit(UNIT).found_at(evidence).len(), 2);
    book.record(Ask::Evidence(UNIT), Answer::Evidence(EvidenceAnswer::default()));
    assert_eq!(
        book.facts.slot_at(&book.graph, UNIT, slot),
        EndpointSet::only(EndpointIndex(2))
    );
}

/// Anything that can happen to facts.
#[derive(Debug, Clone)]
enum Event {
    List(Option<Vec<&'static str>>),
    Tag(u32, Option<&'static str>),
    Image(u32, bool),
    Evidence(u32, bool),
    Fails(u32, bool),
    Copied(u32),
    Attached(u32),
    Tagged(u32),
    Doubted(u32),
    Pass(i64),
}

fn events() -> impl Strategy<Value = Vec<(u8, Event)>> {
    let tags = || proptest::sample::subsequence(vec!["v1", "v2", "v3", "v4"], 0..4);
    let event = prop_oneof![
        proptest::option::of(tags()).prop_map(Event::List),
        (0..3_u32, proptest::option::of(prop_oneof![Just("a"), Just("b")]))
            .prop_map(|(tag, value)| Event::Tag(tag, value)),
        (0..2_u32, any::<bool>()).prop_map(|(unit, whole)| Event::Image(unit, whole)),
        (0..2_u32, any::<bool>()).prop_map(|(unit, found)| Event::Evidence(unit, found)),
        (0..8_u32, any::<bool>()).prop_map(|(place, forbidden)| Event::Fails(place, forbidden)),
        (0..2_u32).prop_map(Event::Copied),
        (0..2_u32).prop_map(Event::Attached),
        (0..3_u32).prop_map(Event::Tagged),
        (0..8_u32).prop_map(Event::Doubted),
        (0..200_i64).prop_map(Event::Pass),
    ];
    proptest::collection::vec((0..3_u8, event), 0..40)
}

fn place(number: u32) -> Ask {
    match number {
        0..3 => Ask::Tag(TagId(number)),
        3..5 => Ask::Image(UnitId(number - 3)),
        5..7 => Ask::Evidence(UnitId(number - 5)),
        _ => LIST,
    }
}

impl Book {
    fn happens(&mut self, endpoint: EndpointIndex, event: Event) {
        let now = self.now;
        let signature = signature(SignatureForm::Tag);
        let (ask, answer) = match event {
            Event::List(tags) => {
                let tags = tags.map(|tags| tags.into_iter().map(|tag| tag.parse().unwrap()).collect());
                (LIST, Answer::Tags(tags))
            }
            Event::Tag(tag, value) => (Ask::Tag(TagId(tag)), Answer::Tag(value.map(digest))),
            Event::Image(unit, true) => (Ask::Image(UnitId(unit)), Answer::Image(ImageAnswer::Whole)),
            Event::Image(unit, false) => (Ask::Image(UnitId(unit)), Answer::Image(ImageAnswer::Lacking)),
            Event::Evidence(unit, found) => {
                let answer = EvidenceAnswer {
                    found: if found { vec![signature] } else { Vec::new() },
                    twice: Vec::new(),
                    missing_carried: if found { Vec::new() } else { vec![bill_of_materials()] },
                    admission: None,
                };
                (Ask::Evidence(UnitId(unit)), Answer::Evidence(answer))
            }
            Event::Fails(number, forbidden) => {
                let kind = if forbidden {
                    ObstacleKind::Denied
                } else {
                    ObstacleKind::Server
                };
                (place(number), Answer::failed(kind, "error"))
            }
            Event::Copied(unit) => return self.facts.copied(&self.graph, UnitId(unit), endpoint, &[], now),
            Event::Attached(unit) => return self.facts.attached(UnitId(unit), endpoint, signature),
            Event::Tagged(tag) => return self.facts.tagged(TagId(tag), endpoint, digest("a"), now),
            Event::Doubted(number) => return self.facts.doubt(&self.graph, place(number), endpoint),
            Event::Pass(seconds) => {
                self.now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
                let minute = SignedDuration::from_mins(1);
                let bounds = Bounds {
                    tags: minute,
                    images: minute,
                    evidence: minute,
                };
                return self.facts.begin_pass(&bounds, self.now);
            }
        };
        self.facts
            .record(&self.graph, ask, Depth::Manifests, endpoint, answer, now);
    }
}

proptest! {
    #[test]
    fn a_place_has_one_answer_whatever_happened(events in events()) {
        let mut book = Book::new();
        for (endpoint, event) in events {
            book.happens(EndpointIndex(endpoint), event);
            let facts = &book.facts;
            let mut places: Vec<Known> = vec![facts.list(RepositoryId(0))];
            places.extend([0, 1].map(|unit| facts.unit(UnitId(unit)).image));
            places.extend([0, 1].map(|unit| facts.unit(UnitId(unit)).evidence));
            for tag in [0, 1, 2].map(TagId) {
                let tag = facts.tag(tag);
                places.push(tag.known);
                let valued = tag.values.iter().fold(EndpointSet::EMPTY, |all, (_, at)| all | at);
                prop_assert_eq!(valued, tag.known.present, "what is present has a digest, and nothing else has");
                let each: usize = tag.values.iter().map(|(_, at)| at.len()).sum();
                prop_assert_eq!(each, valued.len(), "an endpoint has one digest");
            }
            for known in places {
                let count = known.present.len() + known.absent.len() + known.forbidden.len() + known.unknown.len();
                prop_assert_eq!(count, known.asked().len(), "{:?}", known);
            }
            for unit in [0, 1].map(UnitId) {
                prop_assert!(facts.unit(unit).image.present.contains_all(facts.present(unit, ALL)));
            }
        }
    }
}
