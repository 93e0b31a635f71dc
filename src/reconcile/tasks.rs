//! What the engine has begun, on the runtime, and what comes back of it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::{Id, JoinSet};

use super::engine::{Event, LookId};
use crate::execute::{self, Events, Executor, Progress, Run, RunId, Stop, World};
use crate::facts::Answer;
use crate::graph::Graph;
use crate::model::ObstacleKind;
use crate::observe::{Answered, Look, Observer};

/// Looks and runs under way. Dropping it ends them all.
pub(super) struct Tasks<W: World> {
    observer: Arc<Observer<W::Registry>>,
    looks: JoinSet<Answered>,
    look_ids: HashMap<Id, LookId>,
    runs: JoinSet<()>,
    run_ids: HashMap<Id, RunId>,
    stops: HashMap<RunId, Stop>,
    told: Events,
    hears: UnboundedReceiver<(RunId, execute::Event)>,
}

impl<W: World> Tasks<W> {
    pub fn new(observer: Arc<Observer<W::Registry>>) -> Self {
        // Unbounded, and bounded all the same: by the steps that are under way, for which the engine has room.
        let (told, hears) = mpsc::unbounded_channel();
        Self {
            observer,
            looks: JoinSet::new(),
            look_ids: HashMap::new(),
            runs: JoinSet::new(),
            run_ids: HashMap::new(),
            stops: HashMap::new(),
            told,
            hears,
        }
    }

    pub fn look(&mut self, id: LookId, look: Look) {
        let observer = Arc::clone(&self.observer);
        let task = self.looks.spawn(async move { observer.look(&look).await });
        self.look_ids.insert(task.id(), id);
    }

    pub fn run(&mut self, executor: &Executor<W>, graph: &Graph, run: Run, stop: &Stop) {
        let (id, stop) = (run.id, stop.child());
        self.stops.insert(id, stop.clone());
        let task = self.runs.spawn(executor.run(graph, run, self.told.clone(), stop));
        self.run_ids.insert(task.id(), id);
    }

    /// Ends a run where it stands.
    pub fn cancel(&self, run: RunId) {
        if let Some(stop) = self.stops.get(&run) {
            stop.cancel();
        }
    }

    /// Ends everything that is under way, and waits until it has. What it had to tell is lost with it.
    pub async fn end_all(&mut self) {
        self.give_up_looks();
        self.stops.values().for_each(Stop::cancel);
        while self.runs.join_next().await.is_some() {}
        self.stops.clear();
        self.run_ids.clear();
        while self.hears.try_recv().is_ok() {}
    }

    /// Looking leaves nothing half-done.
    pub fn give_up_looks(&mut self) {
        self.looks.abort_all();
        self.looks = JoinSet::new();
        self.look_ids.clear();
    }

    /// Waits until something has happened, and takes all that has happened by then. Never returns where nothing is under
    /// way.
    pub async fn happened(&mut self, progress: &dyn Progress) -> Vec<Event> {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            Some((run, event)) = self.hears.recv() => take(run, event, progress, &mut batch),
            Some(ended) = self.looks.join_next_with_id() => batch.extend(self.look_ended(ended)),
            Some(ended) = self.runs.join_next_with_id() => self.run_ended(ended, progress, &mut batch),
            else => std::future::pending().await,
        }
        while let Ok((run, event)) = self.hears.try_recv() {
            take(run, event, progress, &mut batch);
        }
        while let Some(ended) = self.looks.try_join_next_with_id() {
            batch.extend(self.look_ended(ended));
        }
        while let Some(ended) = self.runs.try_join_next_with_id() {
            self.run_ended(ended, progress, &mut batch);
        }
        batch
    }

    fn look_ended(&mut self, ended: Result<(Id, Answered), tokio::task::JoinError>) -> Option<Event> {
        match ended {
            Ok((task, answered)) => Some(Event::Answered {
                look: self.look_ids.remove(&task)?,
                answer: answered.answer,
                requests: answered.requests,
            }),
            Err(error) => {
                tracing::error!(%error, "internal error");
                let why = "internal error: see the log, and report it";
                Some(Event::Answered {
                    look: self.look_ids.remove(&error.id())?,
                    answer: Answer::failed(ObstacleKind::Local, why),
                    requests: 0,
                })
            }
        }
    }

    /// All that the run had to tell, it told before it ended.
    fn run_ended(
        &mut self,
        ended: Result<(Id, ()), tokio::task::JoinError>,
        progress: &dyn Progress,
        batch: &mut Vec<Event>,
    ) {
        while let Ok((run, event)) = self.hears.try_recv() {
            take(run, event, progress, batch);
        }
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(%error, "internal error");
                error.id()
            }
        };
        if let Some(run) = self.run_ids.remove(&task) {
            self.stops.remove(&run);
            batch.push(Event::Ended(run));
        }
    }
}

fn take(run: RunId, event: execute::Event, progress: &dyn Progress, batch: &mut Vec<Event>) {
    match event {
        execute::Event::Started { step, endpoint } => progress.started(step, endpoint),
        execute::Event::Copied(bytes) => progress.copied(bytes),
        execute::Event::Finished(outcome) => {
            progress.finished(&outcome);
            batch.push(Event::Finished { run, outcome });
        }
    }
}
