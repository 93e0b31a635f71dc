//! Rounds of questions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, MIRROR, PRIMARY};
use crate::facts::{Answer, Ask, Class, Depth, Failure, Question};
use crate::model::{Digest, EndpointSet, Limits};
use crate::observe::{KeptVerdicts, ObserveLimits, Observed, Observer, Verdict};
use crate::sim::registry::{FaultPlan, Latency, Operation, Window};

fn question(ask: Ask, endpoints: usize, class: Class) -> Question {
    Question {
        ask,
        at: EndpointSet::first(endpoints),
        class,
        depth: Depth::Manifests,
    }
}

/// Every kind of question, at both endpoints where that makes sense.
fn every_question(fixture: &Fixture) -> Vec<Question> {
    let unit = fixture.graph.unit(fixture.unit);
    [
        Ask::Endpoint(fixture.graph.target_of(fixture.unit)),
        Ask::Tags(unit.repository),
        Ask::Tag(unit.tags[0]),
        Ask::Image(fixture.unit),
        Ask::Evidence(fixture.unit),
        Ask::Source(fixture.unit),
    ]
    .map(|ask| question(ask, if matches!(ask, Ask::Source(_)) { 1 } else { 2 }, Class::Verifies))
    .into()
}

async fn observed(fixture: &Fixture, questions: &[Question], budget: u64) -> Observed {
    let stop = CancellationToken::new();
    fixture
        .observer
        .answer(&fixture.graph, &fixture.known, questions, budget, &stop)
        .await
}

#[tokio::test]
async fn every_question_is_answered_at_every_endpoint_in_order() {
    let fixture = Fixture::new().promoted();
    let questions = every_question(&fixture);
    let observed = observed(&fixture, &questions, u64::MAX).await;
    let answered: Vec<_> = observed
        .answers
        .iter()
        .map(|answered| (answered.ask, answered.endpoint))
        .collect();
    let asked: Vec<_> = questions
        .iter()
        .flat_map(|question| question.at.iter().map(|endpoint| (question.ask, endpoint)))
        .collect();
    assert_eq!(answered, asked);
    assert_eq!(observed.left, []);
    assert!(
        !observed
            .answers
            .iter()
            .any(|answered| matches!(answered.answer, Answer::Failed(_)))
    );
}

#[tokio::test]
async fn requests_are_those_that_registries_saw() {
    let fixture = Fixture::new().promoted();
    let observed = observed(&fixture, &every_question(&fixture), u64::MAX).await;
    assert_eq!(observed.requests, fixture.store.requests().total());
    assert_eq!(fixture.store.client_writes_since(0), []);
}

#[tokio::test]
async fn what_the_budget_does_not_cover_is_left_unasked() {
    let fixture = Fixture::new().promoted();
    let tag = fixture.graph.unit(fixture.unit).tags[0];
    let questions = [
        question(Ask::Image(fixture.unit), 2, Class::Sweep),
        question(Ask::Tag(tag), 2, Class::Unblocks),
    ];
    let none = observed(&fixture, &questions, 0).await;
    assert_eq!((none.answers.len(), none.requests), (0, 0));
    assert_eq!(none.left, questions);
    let one = observed(&fixture, &questions, 1).await;
    assert_eq!((one.answers.len(), one.requests), (1, 1));
    assert_eq!(one.answers[0].ask, Ask::Tag(tag));
    let mirror = Question {
        at: EndpointSet::only(MIRROR),
        ..questions[1]
    };
    assert_eq!(one.left, [questions[0], mirror]);
    // What was begun is finished: an image of three manifests takes three requests.
    let begun = observed(&fixture, &questions, 3).await;
    assert_eq!((begun.answers.len(), begun.requests), (3, 5));
    assert_eq!(begun.left.len(), 1);
}

#[tokio::test]
async fn a_dead_endpoint_leaves_its_own_places_unknown_only() {
    let fixture = Fixture::new().promoted();
    let dead = FaultPlan::dead(&fixture.at(PRIMARY).registry, Window::ALWAYS);
    fixture.registries.faults().set_plan(dead);
    for answered in observed(&fixture, &every_question(&fixture), u64::MAX).await.answers {
        let failed = matches!(answered.answer, Answer::Failed(Failure::Unknown(_)));
        let at_dead = answered.endpoint == PRIMARY && !matches!(answered.ask, Ask::Source(_));
        // The source is not there at all, which its registry says.
        assert_eq!(failed, at_dead, "{answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_everything_at_once_and_says_what_was_left() {
    let fixture = Fixture::new().promoted();
    let slow = Latency {
        request: Duration::from_secs(1_000_000),
        chunk: Duration::ZERO,
    };
    let registries = fixture
        .registries
        .clone()
        .with_latency_at(&fixture.at(MIRROR).registry, slow);
    let observer = Observer::new(registries, ObserveLimits::default(), Limits::default(), None);
    let questions = [question(Ask::Image(fixture.unit), 2, Class::Unblocks)];
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    let answering = observer.answer(&fixture.graph, &fixture.known, &questions, u64::MAX, &stop);
    let (observed, ()) = tokio::join!(answering, stopping);
    assert_eq!(observed.answers.len(), 1);
    let mirror = Question {
        at: EndpointSet::only(MIRROR),
        ..questions[0]
    };
    assert_eq!(observed.left, [mirror]);
}

#[tokio::test]
async fn answering_can_be_spawned() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let fixture = Fixture::new().promoted();
    let observed = assert_send(observed(&fixture, &every_question(&fixture), u64::MAX)).await;
    assert_eq!(observed.left, []);
}

/// What a process leaves to the next.
#[derive(Debug, Default)]
struct Kept(Mutex<BTreeMap<Digest, Verdict>>);

impl KeptVerdicts for Kept {
    fn verdict(&self, name: &Digest) -> Option<Verdict> {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn keep(&self, name: &Digest, verdict: &Verdict) {
        self.0.lock().unwrap().insert(*name, verdict.clone());
    }
}

#[tokio::test]
async fn what_an_earlier_process_verified_is_looked_for_and_not_read_again() {
    let fixture = Fixture::new().promoted();
    let place = fixture.at(PRIMARY);
    fixture.attach(&place, &fixture.signature(&fixture.key));
    fixture.attach(&place, &fixture.promotion(&fixture.public_reference(), &[]));
    let kept: Arc<dyn KeptVerdicts> = Arc::new(Kept::default());
    let ask = || async {
        let observer = Observer::new(
            fixture.registries.clone(),
            ObserveLimits::default(),
            Limits::default(),
            Some(Arc::clone(&kept)),
        );
        let questions = [question(Ask::Evidence(fixture.unit), 1, Class::Verifies)];
        let stop = CancellationToken::new();
        observer
            .answer(&fixture.graph, &fixture.known, &questions, u64::MAX, &stop)
            .await
    };
    let (first, next) = (ask().await, ask().await);
    assert_eq!(first.answers, next.answers);
    let reads = fixture.store.requests().of(Operation::ReadBlob);
    assert_eq!(reads, 2, "its presence is asked for, its content is known");
}
