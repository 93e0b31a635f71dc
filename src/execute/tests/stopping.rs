//! Ending before the end.

use std::sync::Mutex;

use super::scenario::{Choices, Scenario, place};
use crate::execute::{Outcome, Progress, Silent, StepOutcome, Stop, execute};
use crate::model::EndpointIndex;
use crate::plan::Step;

/// Stops the run once so many steps have ended.
struct Stopper {
    after: usize,
    seen: Mutex<(usize, usize)>,
    act: Box<dyn Fn() + Send + Sync>,
}

impl Progress for Stopper {
    fn started(&self, _: usize, _: EndpointIndex) {
        self.seen.lock().unwrap().0 += 1;
    }

    fn finished(&self, _: &StepOutcome) {
        let mut seen = self.seen.lock().unwrap();
        seen.1 += 1;
        if seen.1 == self.after {
            (self.act)();
        }
    }
}

fn every_step_has_one_outcome(steps: &[Step], outcomes: &[StepOutcome]) {
    let expected: usize = steps.iter().map(|step| step.at.len().max(1)).sum();
    assert_eq!(outcomes.len(), expected);
    let mut places: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.step, outcome.endpoint))
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), expected);
}

#[tokio::test]
async fn a_run_told_to_drain_begins_nothing_more_and_ends_what_it_began() {
    let scenario = Scenario::new(Choices {
        images: 4,
        ..Choices::default()
    });
    let (planned, mut context) = scenario.plan();
    context.options.concurrency.units = 2;
    for after in 1..planned.steps.len() {
        let scenario = Scenario::new(Choices {
            images: 4,
            ..Choices::default()
        });
        let stop = Stop::new();
        let told = stop.clone();
        let progress = Stopper {
            after,
            seen: Mutex::default(),
            act: Box::new(move || told.drain()),
        };
        let (planned, _) = scenario.plan();
        let outcomes = execute(
            &scenario.world,
            &scenario.graph,
            &planned.steps,
            &context,
            &progress,
            &stop,
        )
        .await;
        every_step_has_one_outcome(&planned.steps, &outcomes);
        assert!(
            outcomes
                .iter()
                .all(|outcome| outcome.outcome.is_done() || outcome.outcome == Outcome::Cancelled)
        );
        assert!(outcomes.iter().any(|outcome| outcome.outcome == Outcome::Cancelled));
        scenario.converge().await;
    }
}

#[tokio::test]
async fn a_cancelled_run_drops_what_runs_and_says_that_it_is_uncertain() {
    let scenario = Scenario::new(Choices {
        images: 2,
        ..Choices::default()
    });
    let (planned, context) = scenario.plan();
    let stop = Stop::new();
    scenario.points.stay_at(20);
    let cancel = async {
        scenario.points.reached.notified().await;
        stop.cancel();
    };
    let run = execute(
        &scenario.world,
        &scenario.graph,
        &planned.steps,
        &context,
        &Silent,
        &stop,
    );
    let (outcomes, ()) = tokio::join!(run, cancel);
    every_step_has_one_outcome(&planned.steps, &outcomes);
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(&outcome.outcome)).count();
    assert!(count(|outcome| matches!(outcome, Outcome::Uncertain { .. })) > 0);
    assert!(count(|outcome| matches!(outcome, Outcome::Cancelled)) > 0);
    scenario.points.stay_at(0);
    scenario.converge().await;
}

#[tokio::test]
async fn a_run_told_to_stop_before_it_began_does_nothing() {
    let scenario = Scenario::new(Choices::default());
    let (planned, context) = scenario.plan();
    let stop = Stop::new();
    stop.drain();
    let before = scenario.store.now();
    let outcomes = execute(
        &scenario.world,
        &scenario.graph,
        &planned.steps,
        &context,
        &Silent,
        &stop,
    )
    .await;
    every_step_has_one_outcome(&planned.steps, &outcomes);
    assert!(outcomes.iter().all(|outcome| outcome.outcome == Outcome::Cancelled));
    assert_eq!(scenario.store.now(), before);
}

#[tokio::test]
async fn a_unit_that_breaks_down_takes_no_other_with_it() {
    let scenario = Scenario::new(Choices {
        images: 3,
        ..Choices::default()
    });
    let (planned, context) = scenario.plan();
    let image = scenario.image.root();
    *scenario.world.registries.before_put.lock().unwrap() = Some(Box::new(move |_, repository, at| {
        let root = at.to_string() == image.to_string();
        assert!(!(root && *repository == place("asia")), "a bug");
    }));
    // The lock of the hook is poisoned by the panic; the other units take theirs before.
    let outcomes = execute(
        &scenario.world,
        &scenario.graph,
        &planned.steps,
        &context,
        &Silent,
        &Stop::new(),
    )
    .await;
    every_step_has_one_outcome(&planned.steps, &outcomes);
    let broken = outcomes.iter().filter(
        |outcome| matches!(&outcome.outcome, Outcome::Uncertain { obstacle } if obstacle.text.contains("internal")),
    );
    assert!(broken.count() > 0);
}
