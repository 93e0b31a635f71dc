//! Looks, one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::fixture::{Fixture, MIRROR, PRIMARY};
use crate::facts::{Answer, Ask, Depth};
use crate::model::{Digest, EndpointIndex, Limits};
use crate::observe::{Answered, KeptVerdicts, ObserveLimits, Observer, Verdict};
use crate::sim::registry::{FaultPlan, Operation, Window};

/// Every kind of question, at both endpoints where that makes sense.
fn every_question(fixture: &Fixture) -> Vec<(Ask, EndpointIndex)> {
    let unit = fixture.graph.unit(fixture.unit);
    let at_each = [
        Ask::Endpoint(fixture.graph.target_of(fixture.unit)),
        Ask::Tags(unit.repository),
        Ask::Tag(unit.tags[0]),
        Ask::Image(fixture.unit),
        Ask::Evidence(fixture.unit),
    ];
    at_each
        .into_iter()
        .flat_map(|ask| [(ask, PRIMARY), (ask, MIRROR)])
        .chain([(Ask::Source(fixture.unit), PRIMARY)])
        .collect()
}

async fn observed(fixture: &Fixture, questions: &[(Ask, EndpointIndex)]) -> Vec<Answered> {
    let mut answers = Vec::new();
    for (ask, endpoint) in questions {
        let look = fixture
            .observer
            .prepare(&fixture.graph, &fixture.known, *ask, Depth::Manifests, *endpoint);
        answers.push(fixture.observer.look(&look).await);
    }
    answers
}

#[tokio::test]
async fn every_question_is_answered_at_every_endpoint() {
    let fixture = Fixture::new().promoted();
    for answered in observed(&fixture, &every_question(&fixture)).await {
        assert!(!matches!(answered.answer, Answer::Failed(_)), "{answered:?}");
    }
}

#[tokio::test]
async fn requests_are_those_that_registries_saw() {
    let fixture = Fixture::new().promoted();
    let answers = observed(&fixture, &every_question(&fixture)).await;
    let requests: u64 = answers.iter().map(|answered| answered.requests).sum();
    assert_eq!(requests, fixture.store.requests().total());
    assert_eq!(fixture.store.client_writes_since(0), []);
}

#[tokio::test]
async fn a_dead_endpoint_leaves_its_own_places_unknown_only() {
    let fixture = Fixture::new().promoted();
    let dead = FaultPlan::dead(&fixture.at(PRIMARY).registry, Window::ALWAYS);
    fixture.registries.faults().set_plan(dead);
    for answered in observed(&fixture, &every_question(&fixture)).await {
        let failed = matches!(&answered.answer, Answer::Failed(why) if why.is_silence());
        let at_dead = answered.endpoint == PRIMARY && !matches!(answered.ask, Ask::Source(_));
        // The source is not there at all, which its registry says.
        assert_eq!(failed, at_dead, "{answered:?}");
    }
}

#[tokio::test]
async fn looking_can_be_spawned_while_everything_else_changes() {
    fn assert_static<T: Send + 'static>(value: T) -> T {
        value
    }
    let fixture = Fixture::new().promoted();
    let ask = Ask::Image(fixture.unit);
    let look = fixture
        .observer
        .prepare(&fixture.graph, &fixture.known, ask, Depth::Manifests, PRIMARY);
    let observer = Arc::new(fixture.observer);
    let answered = assert_static(async move { observer.look(&look).await }).await;
    assert!(matches!(answered.answer, Answer::Image(_)), "{answered:?}");
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
        let ask = Ask::Evidence(fixture.unit);
        let look = observer.prepare(&fixture.graph, &fixture.known, ask, Depth::Manifests, PRIMARY);
        observer.look(&look).await
    };
    let (first, next) = (ask().await, ask().await);
    assert_eq!(first.answer, next.answer);
    let reads = fixture.store.requests().of(Operation::ReadBlob);
    assert_eq!(reads, 2, "its presence is asked for, its content is known");
}
