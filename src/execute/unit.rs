//! One unit's steps, each as soon as what it waits for stands at its endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::artifact::Verified;
use super::context::UnitAdmission;
use super::failure::Failure;
use super::journal::Journal;
use super::outcome::Outcome;
use super::run::{Open, Run, Shared};
use super::schedule::Schedule;
use super::stop::Stop;
use super::view::UnitView;
use super::world::World;
use crate::facts::Evidence;
use crate::model::{Descriptor, EndpointIndex, EndpointSet, Slot};
use crate::plan::{Action, Provider, Step};
use crate::transfer::ImageTree;

/// What came of a step at one endpoint: for artifacts, what was made or now stands.
pub(super) type StepResult = Result<Option<Evidence>, Failure>;

/// Takes a step's results as they come, endpoint by endpoint.
#[derive(Debug, Clone)]
pub(super) struct Completions {
    position: usize,
    sender: UnboundedSender<Completion>,
}

type Completion = (usize, EndpointIndex, StepResult);

impl Completions {
    pub fn complete(&self, endpoint: EndpointIndex, result: StepResult) {
        // Nobody receives any more once the unit was dropped.
        let _ = self.sender.send((self.position, endpoint, result));
    }
}

pub(super) struct UnitTask<W> {
    pub world: Arc<W>,
    pub shared: Arc<Shared>,
    pub view: UnitView,
    steps: Vec<Step>,
    open: Mutex<Open>,
    stop: Stop,
    admission: Option<UnitAdmission>,
    admitted: OnceLock<Result<(), Failure>>,
    /// The image's manifests.
    pub(super) tree: OnceCell<Result<ImageTree, Failure>>,
    /// The image as descriptors name it.
    pub(super) subject: OnceCell<Result<Descriptor, Failure>>,
    /// What is attached, read or made once for all endpoints.
    pub(super) artifacts: HashMap<Slot, OnceCell<Result<Arc<Verified>, Failure>>>,
}

impl<W: World> UnitTask<W> {
    pub fn new(world: Arc<W>, shared: Arc<Shared>, view: UnitView, run: &Run, open: Open, stop: Stop) -> Self {
        let steps = run.steps.clone();
        let artifacts = steps.iter().map(|step| (step.node.slot, OnceCell::new())).collect();
        Self {
            world,
            shared,
            view,
            steps,
            open: Mutex::new(open),
            stop,
            admission: run.admission.clone(),
            admitted: OnceLock::new(),
            tree: OnceCell::new(),
            subject: OnceCell::new(),
            artifacts,
        }
    }

    pub async fn run(self) {
        let mut schedule = Schedule::new(&self.steps);
        let (sender, mut completed) = mpsc::unbounded_channel();
        let mut running = FuturesUnordered::new();
        loop {
            while let Ok((position, endpoint, result)) = completed.try_recv() {
                self.complete(&mut schedule, position, endpoint, result);
            }
            self.advance(&mut schedule, &sender, &running);
            if running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some((position, endpoint, result)) = completed.recv() => {
                    self.complete(&mut schedule, position, endpoint, result);
                }
                Some(()) = running.next() => {}
            }
        }
        // Ended before the last is heard: nothing may come to an end after its run was told to be over.
        drop(running);
        while let Ok((position, endpoint, result)) = completed.try_recv() {
            self.complete(&mut schedule, position, endpoint, result);
        }
        // What has begun and is not finished, and what has not begun, is told as the run is dropped.
    }

    /// Gives up what can no longer be done, and begins what can.
    fn advance<'t>(
        &'t self,
        schedule: &mut Schedule,
        sender: &UnboundedSender<Completion>,
        running: &FuturesUnordered<BoxFuture<'t, ()>>,
    ) {
        loop {
            for (position, at) in schedule.give_up() {
                self.finish_all(position, at, &Outcome::Skipped);
            }
            if self.stop.is_draining() {
                return;
            }
            let ready = schedule.begin();
            if ready.is_empty() {
                return;
            }
            for (position, at) in ready {
                let at = self.leave_alone(schedule, position, at);
                let sender = sender.clone();
                for future in self.start(position, at, &Completions { position, sender }) {
                    running.push(future);
                }
            }
        }
    }

    /// Skips the step at endpoints that have stopped answering; gives where it is done.
    fn leave_alone(&self, schedule: &mut Schedule, position: usize, at: EndpointSet) -> EndpointSet {
        if matches!(self.steps[position].action, Action::Sign) {
            return at;
        }
        let silent = self.shared.silence.among(self.view.target_id, at);
        for endpoint in silent.iter() {
            schedule.finish(position, endpoint, false);
            self.finish(position, endpoint, Outcome::Skipped);
        }
        at - silent
    }

    /// One future for a step that serves its endpoints together, else one for each endpoint.
    fn start<'t>(&'t self, position: usize, at: EndpointSet, completions: &Completions) -> Vec<BoxFuture<'t, ()>> {
        let action = &self.steps[position].action;
        for endpoint in at.iter() {
            self.open().start(position, endpoint);
        }
        let each = |run: &dyn Fn(EndpointIndex) -> BoxFuture<'t, StepResult>| {
            at.iter()
                .map(|endpoint| {
                    let (run, completions) = (run(endpoint), completions.clone());
                    let future: BoxFuture<'t, ()> = Box::pin(async move { completions.complete(endpoint, run.await) });
                    future
                })
                .collect()
        };
        let slot = self.steps[position].node.slot;
        match action {
            Action::Copy { from, carried } => {
                let completions = completions.clone();
                if at.is_empty() {
                    return Vec::new();
                }
                vec![Box::pin(
                    async move { self.copy(from, carried, at, &completions).await },
                )]
            }
            Action::Sign => each(&|_| Box::pin(self.sign(slot))),
            Action::Attach { content, from } => each(&|endpoint| Box::pin(self.attach(slot, *content, from, endpoint))),
            Action::Tag {
                tag,
                digest,
                replaces,
                keeps,
            } => each(&|endpoint| Box::pin(self.tag(*tag, *digest, replaces.map(|old| (old, *keeps)), endpoint))),
            Action::Remove { artifacts, keeps } => {
                each(&|endpoint| Box::pin(self.remove(slot, artifacts, *keeps, endpoint)))
            }
        }
    }

    fn complete(&self, schedule: &mut Schedule, position: usize, endpoint: EndpointIndex, result: StepResult) {
        if !schedule.finish(position, endpoint, result.is_ok()) {
            return;
        }
        if !matches!(self.steps[position].action, Action::Sign) {
            let failed = result.as_ref().err().map(Failure::obstacle);
            self.shared.silence.heard(self.view.target_id, endpoint, failed);
        }
        let outcome = match result {
            Ok(attached) => Outcome::Done { attached },
            Err(failure) => failure.into(),
        };
        self.finish(position, endpoint, outcome);
    }

    fn finish_all(&self, position: usize, at: EndpointSet, outcome: &Outcome) {
        for endpoint in at.iter() {
            self.finish(position, endpoint, outcome.clone());
        }
    }

    fn finish(&self, position: usize, endpoint: EndpointIndex, outcome: Outcome) {
        super::telling::ended(&self.view, &self.steps[position], endpoint, &outcome);
        self.open().finish(position, endpoint, outcome);
    }

    /// Bytes of blobs reached an endpoint.
    pub(super) fn taken(&self, bytes: u64) {
        self.open().copied(bytes);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Each change of it is one: a panic leaves nothing half-done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn admission(&self) -> Result<&UnitAdmission, Failure> {
        self.admission
            .as_ref()
            .ok_or_else(|| Failure::local("the image was not admitted: nothing is written for it"))
    }

    /// To be called before anything of this unit is written or signed.
    pub(super) fn ensure_admitted(&self) -> Result<(), Failure> {
        self.admitted
            .get_or_init(|| {
                let UnitAdmission {
                    admission,
                    is_new,
                    recorded,
                    ..
                } = self.admission()?;
                if *is_new {
                    let view = &self.view;
                    self.world
                        .journal()
                        .admit(&view.target.name, &view.path, view.digest, admission, *recorded)?;
                }
                Ok(())
            })
            .clone()
    }

    /// Where this run's steps find the image standing.
    pub(super) fn standing(&self) -> Vec<Provider> {
        let mut missing = EndpointSet::EMPTY;
        let mut touched = EndpointSet::EMPTY;
        for step in &self.steps {
            match &step.action {
                Action::Copy { .. } => missing |= step.at,
                Action::Sign | Action::Attach { .. } | Action::Tag { .. } | Action::Remove { .. } => touched |= step.at,
            }
        }
        (touched - missing).iter().map(Provider::Endpoint).collect()
    }

    pub(super) fn copied_from(&self) -> Option<&[Provider]> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::Copy { from, .. } => Some(&from[..]),
            _ => None,
        })
    }
}
