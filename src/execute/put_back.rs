//! Moving tags, and then putting back what went with them.

use std::collections::HashSet;
use std::sync::Arc;

use super::context::ExecutionContext;
use super::outcome::{Outcome, StepOutcome};
use super::progress::Progress;
use super::run::execute;
use super::schedule::extent;
use super::stop::Stop;
use super::world::World;
use crate::graph::Graph;
use crate::model::{EndpointIndex, RepositoryId};
use crate::plan::{Action, Reason, Step};

/// As [`execute`], which knows one image at a time. What registries may drop when a tag moves away from it is put back
/// once every tag has moved, and only where one has.
pub async fn execute_in_order<W: World>(
    world: &Arc<W>,
    graph: &Graph,
    steps: &[Step],
    context: &ExecutionContext,
    progress: &dyn Progress,
    stop: &Stop,
) -> Vec<StepOutcome> {
    let (put_backs, first): (Vec<usize>, Vec<usize>) =
        (0..steps.len()).partition(|step| steps[*step].because == Reason::Displaced);
    if put_backs.is_empty() {
        return execute(world, graph, steps, context, progress, stop).await;
    }
    let mut outcomes = run(world, graph, (steps, &first), context, progress, stop).await;
    let moved = moved(graph, steps, &outcomes);
    let mut due = Vec::new();
    let mut rest = Vec::new();
    for position in put_backs {
        let mut step = steps[position].clone();
        let repository = graph.unit(step.node.unit).repository;
        for endpoint in extent(&step).iter() {
            if moved.contains(&(repository, endpoint)) {
                continue;
            }
            step.at.remove(endpoint);
            let outcome = StepOutcome {
                step: position,
                node: step.node,
                endpoint,
                outcome: Outcome::Skipped,
            };
            progress.finished(&outcome);
            rest.push(outcome);
        }
        if !step.at.is_empty() {
            due.push((position, step));
        }
    }
    outcomes.append(&mut rest);
    let positions: Vec<usize> = due.iter().map(|(position, _)| *position).collect();
    let due: Vec<Step> = due.into_iter().map(|(_, step)| step).collect();
    let told = Renumbered {
        progress,
        positions: &positions,
    };
    let put_back = execute(world, graph, &due, context, &told, stop).await;
    outcomes.extend(put_back.into_iter().map(|outcome| told.outcome(&outcome)));
    outcomes
}

/// Runs some of the steps of a plan.
async fn run<W: World>(
    world: &Arc<W>,
    graph: &Graph,
    (steps, positions): (&[Step], &[usize]),
    context: &ExecutionContext,
    progress: &dyn Progress,
    stop: &Stop,
) -> Vec<StepOutcome> {
    let chosen: Vec<Step> = positions.iter().map(|position| steps[*position].clone()).collect();
    let told = Renumbered { progress, positions };
    let outcomes = execute(world, graph, &chosen, context, &told, stop).await;
    outcomes.into_iter().map(|outcome| told.outcome(&outcome)).collect()
}

/// Where a tag was moved away from something, or may have been.
fn moved(graph: &Graph, steps: &[Step], outcomes: &[StepOutcome]) -> HashSet<(RepositoryId, EndpointIndex)> {
    outcomes
        .iter()
        .filter(|outcome| {
            let replaces = matches!(steps[outcome.step].action, Action::Tag { replaces: Some(_), .. });
            replaces && matches!(outcome.outcome, Outcome::Done { .. } | Outcome::Uncertain { .. })
        })
        .map(|outcome| (graph.unit(outcome.node.unit).repository, outcome.endpoint))
        .collect()
}

/// Tells of steps by their positions in the whole plan.
struct Renumbered<'a> {
    progress: &'a dyn Progress,
    positions: &'a [usize],
}

impl Renumbered<'_> {
    fn outcome(&self, outcome: &StepOutcome) -> StepOutcome {
        StepOutcome {
            step: self.positions[outcome.step],
            ..outcome.clone()
        }
    }
}

impl Progress for Renumbered<'_> {
    fn started(&self, step: usize, endpoint: EndpointIndex) {
        self.progress.started(self.positions[step], endpoint);
    }

    fn finished(&self, outcome: &StepOutcome) {
        self.progress.finished(&self.outcome(outcome));
    }

    fn copied(&self, bytes: u64) {
        self.progress.copied(bytes);
    }
}
