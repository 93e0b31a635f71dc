//! All units of a plan, as many at once as allowed.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::{Id, JoinSet};

use super::context::ExecutionContext;
use super::outcome::{Outcome, StepOutcome};
use super::progress::Progress;
use super::schedule::extent;
use super::seen::SeenEntries;
use super::silence::Silence;
use super::stop::Stop;
use super::unit::UnitTask;
use super::view::UnitView;
use super::world::World;
use crate::graph::Graph;
use crate::model::{EndpointIndex, EndpointSet, Limits, NodeId};
use crate::plan::Step;
use crate::transfer::{SharedTags, Transfer};

/// What a unit tells while it is worked on.
#[derive(Debug)]
pub(super) enum Event {
    Started { step: usize, endpoint: EndpointIndex },
    Copied(u64),
    Finished(StepOutcome),
}

/// What the units of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    pub git_url: Arc<str>,
    pub limits: Limits,
    pub stop: Stop,
    pub transfer: Transfer,
    pub tags: SharedTags,
    pub seen: SeenEntries,
    pub silence: Silence,
    pub events: UnboundedSender<Event>,
}

/// Does what the plan says, and nothing else: concurrently over images, and within an image at each endpoint for
/// itself. Every step has one outcome at each of its endpoints (signing, which touches none, at the primary), in the
/// order in which they came about. What is dropped halfway, with this future or by [`Stop::cancel`], the next pass
/// finishes: at each place, what others rely on is written last.
pub async fn execute<W: World>(
    world: &Arc<W>,
    graph: &Graph,
    steps: &[Step],
    context: &ExecutionContext,
    progress: &dyn Progress,
    stop: &Stop,
) -> Vec<StepOutcome> {
    let (events, mut happened) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        git_url: Arc::clone(&context.git_url),
        limits: context.limits,
        stop: stop.clone(),
        transfer: Transfer::new(context.transfer),
        tags: SharedTags::default(),
        seen: SeenEntries::default(),
        silence: Silence::new(context.concurrency.silent_steps),
        events,
    });
    let mut order: Vec<usize> = (0..steps.len()).collect();
    // Stable: within a unit the plan's order stays.
    order.sort_by_key(|step| steps[*step].node.unit);
    let mut units = order.chunk_by(|a, b| steps[*a].node.unit == steps[*b].node.unit);

    let mut run = Run {
        progress,
        open: HashMap::new(),
        outcomes: Vec::new(),
    };
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, &[usize]> = HashMap::new();
    loop {
        while running.len() < context.concurrency.units.max(1)
            && !stop.is_draining()
            && let Some(unit) = units.next()
        {
            let id = steps[unit[0]].node.unit;
            let task = UnitTask::new(
                Arc::clone(world),
                Arc::clone(&shared),
                UnitView::new(graph, id),
                context.admissions.get(&id).cloned(),
                unit.iter().map(|step| (*step, steps[*step].clone())).collect(),
            );
            run.open(unit, steps);
            running.insert(tasks.spawn(task.run()).id(), unit);
        }
        if running.is_empty() {
            break;
        }
        let ended = tokio::select! {
            biased;
            Some(event) = happened.recv() => {
                run.take(event);
                continue;
            }
            Some(ended) = tasks.join_next_with_id() => ended,
        };
        // All that the unit had to tell, it told before it ended.
        while let Ok(event) = happened.try_recv() {
            run.take(event);
        }
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let unit = running.remove(&id).unwrap_or_default();
        if let (Some(error), Some(step)) = (error, unit.first()) {
            tracing::error!(step = %graph.node_name(steps[*step].node), %error, "internal error");
        }
        run.close(unit);
    }
    for unit in units {
        run.open(unit, steps);
        run.cancel(unit);
    }
    run.outcomes
}

/// What was begun and not finished, so that a unit that breaks down leaves no step without an outcome.
struct Run<'a> {
    progress: &'a dyn Progress,
    open: HashMap<usize, Open>,
    outcomes: Vec<StepOutcome>,
}

struct Open {
    node: NodeId,
    unfinished: EndpointSet,
    started: EndpointSet,
}

impl Run<'_> {
    fn open(&mut self, unit: &[usize], steps: &[Step]) {
        for step in unit {
            self.open.insert(
                *step,
                Open {
                    node: steps[*step].node,
                    unfinished: extent(&steps[*step]),
                    started: EndpointSet::EMPTY,
                },
            );
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { step, endpoint } => {
                if let Some(open) = self.open.get_mut(&step) {
                    open.started.insert(endpoint);
                }
                self.progress.started(step, endpoint);
            }
            Event::Copied(bytes) => self.progress.copied(bytes),
            Event::Finished(outcome) => {
                if let Some(open) = self.open.get_mut(&outcome.step) {
                    open.unfinished.remove(outcome.endpoint);
                }
                self.progress.finished(&outcome);
                self.outcomes.push(outcome);
            }
        }
    }

    /// A unit that ended by itself has finished all of its steps; one that broke down has not.
    fn close(&mut self, unit: &[usize]) {
        self.finish(unit, |started| {
            if started {
                Outcome::Uncertain {
                    error: "internal error: see the log, and report it".into(),
                }
            } else {
                Outcome::Skipped
            }
        });
    }

    fn cancel(&mut self, unit: &[usize]) {
        self.finish(unit, |_| Outcome::Cancelled);
    }

    fn finish(&mut self, unit: &[usize], outcome: impl Fn(bool) -> Outcome) {
        for step in unit {
            let Some(open) = self.open.remove(step) else {
                continue;
            };
            for endpoint in open.unfinished.iter() {
                let outcome = StepOutcome {
                    step: *step,
                    node: open.node,
                    endpoint,
                    outcome: outcome(open.started.contains(endpoint)),
                };
                self.progress.finished(&outcome);
                self.outcomes.push(outcome);
            }
        }
    }
}
