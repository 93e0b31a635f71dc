//! One pass: what is done between two quiet moments. The engine is told what happened, and what it wants is begun.

use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::engine::{Begin, Event, Lasting, Learnt, Session};
use super::reconciler::Reconciler;
use super::state::Batch;
use super::tasks::Tasks;
use super::watch::Watch;
use crate::execute::{self, Clock, Outcome, Run, RunId, StepOutcome, Stop, World};
use crate::facts::{Answer, Bounds};
use crate::model::{NodeId, SignerIdentity, UnitId};
use crate::observe::Known;
use crate::plan::{Action, Scope, Status, Step};
use crate::source::Source;

/// What one pass did and found.
#[derive(Debug)]
pub struct Pass {
    pub began: Timestamp,
    /// Every step that was run, with what became of it.
    pub ran: Vec<(Step, StepOutcome)>,
    /// What the plan came to as it was left: what is still in the way, withheld or not asked. The plan itself is
    /// [`Reconciler::planned`], until the next pass.
    pub last: Status,
    pub requests: u64,
    pub interrupted: bool,
}

impl Pass {
    /// Whether something outside changed: a step was done.
    #[must_use]
    pub fn progressed(&self) -> bool {
        self.ran
            .iter()
            .any(|(_, step)| matches!(step.outcome, Outcome::Done { .. }))
    }

    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.interrupted && self.last.is_settled()
    }
}

/// Whether a pass may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Look and plan only.
    None,
    /// Everything that is due.
    Due,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// Asks what is older than `bounds`, and does what is due, until nothing is left that can be asked or done. Each step
    /// is tried once, unless something that it depends on changed since.
    ///
    /// # Errors
    /// Where landfall's own state cannot be read or written. What registries answer is never an error here.
    pub async fn pass(
        &mut self,
        scope: &Scope,
        bounds: &Bounds,
        writes: Writes,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Pass, ReconcileError> {
        let began = self.begin_session(scope.clone(), writes, Lasting::Once, bounds);
        self.know_registries(began);
        let mut tasks = Tasks::new(Arc::clone(&self.observer));
        loop {
            self.advance(&mut tasks, watch, stop)?;
            self.heed(stop, &mut tasks);
            let due = self.engine.due();
            if self.engine.is_idle() && due.is_none() {
                break;
            }
            self.wait(&mut tasks, due, watch, stop).await?;
        }
        let last = self.engine.status();
        let (ran, requests) = self.engine.take_ran();
        let pass = Pass {
            began,
            ran,
            last,
            requests,
            interrupted: stop.is_draining(),
        };
        if writes == Writes::Due {
            let now = self.world.clock().now();
            self.settle(now)?;
        }
        Ok(pass)
    }

    /// Begins a session now.
    pub(super) fn begin_session(
        &mut self,
        scope: Scope,
        writes: Writes,
        lasting: Lasting,
        bounds: &Bounds,
    ) -> Timestamp {
        let now = self.world.clock().now();
        let session = Session {
            scope,
            writes: writes == Writes::Due,
            lasting,
            requests: self.settings.requests_per_pass,
        };
        self.engine.begin(session, bounds, self.settings.lanes, now);
        self.admitting.clear();
        now
    }

    /// Begins nothing more once a stop was called for, and gives up looks: also those that began in this very turn.
    pub(super) fn heed(&mut self, stop: &Stop, tasks: &mut Tasks<W>) {
        if stop.is_draining() && !self.engine.is_draining() {
            self.engine.drain();
            tasks.give_up_looks();
        }
    }

    /// Has the engine plan, and begins what it wants.
    pub(super) fn advance(
        &mut self,
        tasks: &mut Tasks<W>,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<(), ReconcileError> {
        let now = self.world.clock().now();
        let turn = self.engine.turn(now);
        watch.turned(&self.engine, now);
        for run in &turn.cancels {
            tasks.cancel(*run);
        }
        let mut runs: Vec<(RunId, UnitId, Vec<Step>)> = Vec::new();
        for begin in turn.begins {
            match begin {
                Begin::Look {
                    id,
                    ask,
                    depth,
                    endpoint,
                } => {
                    watch.asking(&self.engine.graph, ask, depth, endpoint, now);
                    let known = Known {
                        graph: &self.engine.graph,
                        facts: &self.engine.facts,
                        memory: &self.engine.memory,
                    };
                    let look = self.observer.prepare(&self.engine.graph, &known, ask, depth, endpoint);
                    tasks.look(id, look);
                }
                Begin::Run { id, unit, steps } => runs.push((id, unit, steps)),
            }
        }
        if runs.is_empty() {
            return Ok(());
        }
        let admissions = match self.admissions(runs.iter().map(|(_, unit, _)| *unit), now) {
            Ok(admissions) => admissions,
            Err(error) => {
                // Nobody does them, and nobody will tell that they have ended.
                for (id, ..) in runs {
                    self.engine.take(Event::Ended(id), now);
                }
                return Err(error);
            }
        };
        for (id, unit, steps) in runs {
            watch.beginning(&self.engine.graph, &steps, now);
            let run = Run {
                id,
                unit,
                steps,
                admission: admissions.get(&unit).cloned(),
            };
            tasks.run(&self.executor, &self.engine.graph, run, stop);
        }
        Ok(())
    }

    /// Waits until something happens, or is due, and takes it in.
    pub(super) async fn wait(
        &mut self,
        tasks: &mut Tasks<W>,
        due: Option<Timestamp>,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<(), ReconcileError> {
        let now = self.world.clock().now();
        let pause = due.map(|due| std::time::Duration::try_from(due.duration_since(now)).unwrap_or_default());
        let is_draining = self.engine.is_draining();
        let batch = tokio::select! {
            // A stop first: where batches keep coming it would never have its turn.
            biased;
            () = stop.drained(), if !is_draining => return Ok(()),
            batch = tasks.happened(watch.progress()) => batch,
            () = sleep(pause) => return Ok(()),
        };
        let now = self.world.clock().now();
        let met = batch.iter().filter_map(Event::obstacle);
        met.for_each(|obstacle| watch.met(obstacle, now));
        let learnt: Vec<Learnt> = batch
            .into_iter()
            .filter_map(|event| self.engine.take(event, now))
            .collect();
        self.remember(learnt, now)
    }

    /// Puts on record what was learnt, in one transaction.
    fn remember(&mut self, learnt: Vec<Learnt>, now: Timestamp) -> Result<(), ReconcileError> {
        let mut touched: Vec<UnitId> = Vec::new();
        self.recollection.state().write(|batch| {
            for learnt in learnt {
                touched.extend(self.remember_one(batch, learnt, now)?);
            }
            Ok(())
        })?;
        touched.sort_unstable();
        touched.dedup();
        for unit in touched {
            self.remember_admission(unit)?;
        }
        Ok(())
    }

    /// Gives the unit that may have come to be admitted.
    fn remember_one(
        &mut self,
        batch: &Batch<'_>,
        learnt: Learnt,
        now: Timestamp,
    ) -> Result<Option<UnitId>, super::state::StateError> {
        let (graph, memory) = (&self.engine.graph, &mut self.engine.memory);
        match learnt {
            Learnt::Heard {
                target,
                endpoint,
                answer,
            } => {
                if answer == Answer::Endpoint {
                    self.executor.answers(target, endpoint);
                }
                self.recollection
                    .heard(batch, graph, (target, endpoint), &answer, now, memory)?;
                Ok(None)
            }
            Learnt::Succeeded {
                step,
                endpoint,
                attached,
            } => {
                if let (Action::Sign, Some(made)) = (&step.action, attached) {
                    self.recollection
                        .signed(graph, step.node, made, step.because, now, memory);
                }
                self.recollection
                    .succeeded(batch, graph, &step, endpoint, now, memory)?;
                Ok(Some(step.node.unit))
            }
            Learnt::Failed {
                node,
                endpoint,
                obstacle,
            } => {
                self.recollection
                    .failed(batch, graph, (node, endpoint), &obstacle, now, memory)?;
                Ok(Some(node.unit))
            }
            Learnt::Touched(unit) => Ok(Some(unit)),
        }
    }

    /// An admission is recorded before the first write of its claim, if it came to one.
    fn remember_admission(&mut self, unit: UnitId) -> Result<(), ReconcileError> {
        let Some(admitted) = self.admitting.get(&unit).cloned() else {
            return Ok(());
        };
        if self.recollection.is_admitted(&self.engine.graph, unit)? {
            self.admitting.remove(&unit);
            let (graph, memory) = (&self.engine.graph, &mut self.engine.memory);
            self.recollection
                .admitted(graph, unit, &admitted.admission, admitted.recorded, memory);
            self.engine.touch_units([unit]);
        }
        Ok(())
    }

    /// Runs these steps and no others, each once, and takes in what became of them.
    pub(super) async fn run(
        &mut self,
        steps: Vec<Step>,
        now: Timestamp,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Vec<(Step, StepOutcome)>, ReconcileError> {
        self.admitting.clear();
        let context = execute::ExecutionContext {
            admissions: self.admissions(steps.iter().map(|step| step.node.unit), now)?,
            options: self.settings.execution(),
        };
        watch.beginning(&self.engine.graph, &steps, now);
        let outcomes = execute::execute(
            &self.world,
            &self.engine.graph,
            &steps,
            &context,
            watch.progress(),
            stop,
        )
        .await;
        let learnt: Vec<Learnt> = outcomes
            .iter()
            .filter_map(|outcome| self.engine.learn(&steps[outcome.step], outcome, now))
            .collect();
        self.remember(learnt, now)?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| (steps[outcome.step].clone(), outcome))
            .collect())
    }

    /// Ends a pass: admissions that needed no write are remembered, journalled bytes that stand everywhere set aside.
    pub(super) fn settle(&mut self, now: Timestamp) -> Result<(), ReconcileError> {
        let standing: Vec<(NodeId, SignerIdentity)> = self
            .engine
            .memory
            .waiting
            .keys()
            .copied()
            .filter(|(node, by)| {
                let made = |kind| self.engine.facts.artifact_at(node.unit, kind, |found| found == *by);
                let at = node.slot.artifact().map(made).unwrap_or_default();
                at.contains_all(self.wanted_at(*node))
            })
            .collect();
        let admissions = self.unrecorded_admissions(now)?;
        let (graph, memory) = (&self.engine.graph, &mut self.engine.memory);
        Ok(self.recollection.state().write(|batch| {
            for node in standing {
                self.recollection.leave_journal(batch, graph, node, memory)?;
            }
            self.recollection
                .leave_unfinished(batch, graph, &self.engine.facts, memory)?;
            for admitted in &admissions {
                self.recollection.admit(batch, graph, admitted, now, memory)?;
            }
            Ok(())
        })?)
    }
}

async fn sleep(pause: Option<std::time::Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
