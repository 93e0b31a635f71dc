//! Runs: the steps of one unit, done together, and told of one by one.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinSet;

use super::context::{ExecutionContext, ExecutionOptions, UnitAdmission};
use super::outcome::{Outcome, StepOutcome};
use super::progress::Progress;
use super::schedule::extent;
use super::silence::Silence;
use super::stop::Stop;
use super::unit::UnitTask;
use super::view::UnitView;
use super::world::World;
use crate::graph::Graph;
use crate::model::{EndpointIndex, EndpointSet, Limits, NodeId, Obstacle, ObstacleKind, TargetId, UnitId};
use crate::plan::Step;
use crate::transfer::{SeenEntries, SharedTags, Transfer};

/// Names a run for as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// What a unit tells while it is worked on. Steps are named by their position among the run's.
#[derive(Debug)]
pub enum Event {
    Started {
        step: usize,
        endpoint: EndpointIndex,
    },
    /// So many bytes of blobs more reached an endpoint.
    Copied(u64),
    Finished(StepOutcome),
}

/// Hears what runs tell.
pub type Events = UnboundedSender<(RunId, Event)>;

/// What all runs share, for as long as they go on: copies joined, tags that many write, endpoints that fell silent.
#[derive(Debug)]
pub(super) struct Shared {
    pub git_url: Arc<str>,
    pub limits: Limits,
    pub transfer: Transfer,
    pub tags: SharedTags,
    pub seen: Arc<SeenEntries>,
    pub silence: Silence,
}

/// Runs steps, each unit's together, any number of units at once.
#[derive(Debug)]
pub struct Executor<W> {
    world: Arc<W>,
    shared: Arc<Shared>,
}

/// Steps of one unit that are run together.
#[derive(Debug)]
pub struct Run {
    pub id: RunId,
    pub unit: UnitId,
    /// In the plan's order.
    pub steps: Vec<Step>,
    /// Nothing is written without one.
    pub admission: Option<UnitAdmission>,
}

impl<W: World> Executor<W> {
    #[must_use]
    pub fn new(world: Arc<W>, options: &ExecutionOptions) -> Self {
        let shared = Shared {
            git_url: Arc::clone(&options.git_url),
            limits: options.limits,
            transfer: Transfer::new(options.transfer),
            tags: SharedTags::default(),
            seen: Arc::default(),
            silence: Silence::new(options.concurrency.silent_steps),
        };
        Self {
            world,
            shared: Arc::new(shared),
        }
    }

    /// What was seen in lists that others write too. Who looks at them adds to it.
    #[must_use]
    pub fn seen(&self) -> Arc<SeenEntries> {
        Arc::clone(&self.shared.seen)
    }

    /// An endpoint has answered: what it did not answer before counts no more.
    pub fn answers(&self, target: TargetId, endpoint: EndpointIndex) {
        self.shared.silence.heard(target, endpoint, None);
    }

    /// Does these steps, at each endpoint as soon as what they wait for stands there. Every step has one outcome at each
    /// of its endpoints (signing, which touches none, at the primary), told as soon as it is known. What is dropped
    /// halfway, with this future or by [`Stop::cancel`], a later run finishes: at each place, what others rely on is
    /// written last.
    pub fn run(
        &self,
        graph: &Graph,
        run: Run,
        events: Events,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send + 'static {
        let view = UnitView::new(graph, run.unit);
        let open = Open::new(run.id, &run.steps, events);
        let (world, shared) = (Arc::clone(&self.world), Arc::clone(&self.shared));
        async move {
            let task = UnitTask::new(world, shared, view, &run, open, stop);
            task.run().await;
        }
    }
}

/// Does what the plan says, and nothing else, and returns when all of it is done, in the order in which it came about.
pub async fn execute<W: World>(
    world: &Arc<W>,
    graph: &Graph,
    steps: &[Step],
    context: &ExecutionContext,
    progress: &dyn Progress,
    stop: &Stop,
) -> Vec<StepOutcome> {
    let executor = Executor::new(Arc::clone(world), &context.options);
    let (events, mut happened) = mpsc::unbounded_channel();
    let mut order: Vec<usize> = (0..steps.len()).collect();
    // Stable: within a unit the plan's order stays.
    order.sort_by_key(|step| steps[*step].node.unit);
    let units: Vec<&[usize]> = order
        .chunk_by(|a, b| steps[*a].node.unit == steps[*b].node.unit)
        .collect();
    let mut waiting = units.iter().enumerate();
    let mut outcomes = Vec::new();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < context.options.concurrency.units.max(1)
            && let Some((number, unit)) = waiting.next()
        {
            let id = steps[unit[0]].node.unit;
            let run = Run {
                id: RunId(number as u64),
                unit: id,
                steps: unit.iter().map(|step| steps[*step].clone()).collect(),
                admission: context.admissions.get(&id).cloned(),
            };
            tasks.spawn(executor.run(graph, run, events.clone(), stop.clone()));
        }
        let mut take = |(RunId(number), event)| {
            let unit = units[number as usize];
            match event {
                Event::Started { step, endpoint } => progress.started(unit[step], endpoint),
                Event::Copied(bytes) => progress.copied(bytes),
                Event::Finished(mut outcome) => {
                    outcome.step = unit[outcome.step];
                    progress.finished(&outcome);
                    outcomes.push(outcome);
                }
            }
        };
        let ended = tokio::select! {
            biased;
            Some(event) = happened.recv() => {
                take(event);
                continue;
            }
            ended = tasks.join_next() => ended,
        };
        // All that the unit had to tell, it told before it ended.
        while let Ok(event) = happened.try_recv() {
            take(event);
        }
        match ended {
            None => return outcomes,
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!(%error, "internal error"),
        }
    }
}

/// What was begun and not finished. However a run ends, each of its steps has an outcome at each of its endpoints.
#[derive(Debug)]
pub(super) struct Open {
    run: RunId,
    steps: Vec<OpenStep>,
    events: Events,
}

#[derive(Debug)]
struct OpenStep {
    node: NodeId,
    unfinished: EndpointSet,
    started: EndpointSet,
}

impl Open {
    fn new(run: RunId, steps: &[Step], events: Events) -> Self {
        let steps = steps
            .iter()
            .map(|step| OpenStep {
                node: step.node,
                unfinished: extent(step),
                started: EndpointSet::EMPTY,
            })
            .collect();
        Self { run, steps, events }
    }

    pub fn start(&mut self, step: usize, endpoint: EndpointIndex) {
        self.steps[step].started.insert(endpoint);
        self.tell(Event::Started { step, endpoint });
    }

    pub fn finish(&mut self, step: usize, endpoint: EndpointIndex, outcome: Outcome) {
        let open = &mut self.steps[step];
        open.unfinished.remove(endpoint);
        let node = open.node;
        self.tell(Event::Finished(StepOutcome {
            step,
            node,
            endpoint,
            outcome,
        }));
    }

    pub fn copied(&self, bytes: u64) {
        self.tell(Event::Copied(bytes));
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more once whoever started the run is gone.
        let _ = self.events.send((self.run, event));
    }
}

impl Drop for Open {
    /// A run that ended by itself has finished all of its steps; one that was dropped, or broke down, has not.
    fn drop(&mut self) {
        for step in 0..self.steps.len() {
            let OpenStep {
                unfinished, started, ..
            } = self.steps[step];
            for endpoint in unfinished.iter() {
                let outcome = if started.contains(endpoint) {
                    let why = if std::thread::panicking() {
                        "internal error: see the log, and report it"
                    } else {
                        "stopped while it ran"
                    };
                    let obstacle = Arc::new(Obstacle::new(ObstacleKind::Local, why));
                    Outcome::Uncertain { obstacle }
                } else {
                    Outcome::Cancelled
                };
                self.finish(step, endpoint, outcome);
            }
        }
    }
}
