//! What happens in a run.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::{Process, Run};
use crate::execute::{Clock, Stop};
use crate::plan::Scope;
use crate::reconcile::state::Disk;
use crate::reconcile::{Following, ReconcileError};
use crate::sim::harm;
use crate::sim::registry::{FaultPlan, adds_foreign_referrers, adds_foreign_signatures, moves_tags};

impl Run {
    /// One thing happens.
    pub(super) async fn event(&mut self, mut process: Process) -> Result<Process, String> {
        match self.rng.random_range(0..23) {
            0..=6 => {
                let kill = self.rng.random_bool(0.3);
                process = self.converge(process, kill).await?;
            }
            7..=9 => {
                self.scenario.change(&mut self.rng);
                let commit = self.history.commit(&self.scenario.files(), self.clock.now());
                self.story.push(format!("commit {}", commit.short()));
            }
            10..=13 => {
                for _ in 0..self.rng.random_range(1..4) {
                    self.story
                        .extend(harm(&self.store, &self.scenario.repositories(), &mut self.rng));
                }
            }
            14..=15 => {
                let draw = self.seed.derive(&format!("faults {}", self.story.len()));
                let lasting = Duration::from_secs(self.rng.random_range(1..600));
                let plan = FaultPlan::drawn(draw, &self.scenario.registries(), lasting);
                self.story.push(format!("faults for {lasting:?}"));
                self.registries.faults().set_plan(plan);
            }
            16 => {
                let writer = match self.rng.random_range(0..3) {
                    0 => moves_tags(),
                    1 => adds_foreign_signatures(),
                    _ => adds_foreign_referrers(),
                };
                self.story.push("a second writer comes".to_owned());
                self.registries.faults().add_second_writer(0.02, writer);
            }
            17 => {
                self.story.push("restart".to_owned());
                process = self.restart(process).await?;
            }
            19 | 20 => {
                let what = self.scenario.rotate(&mut self.rng);
                let commit = self.history.commit(&self.scenario.files(), self.clock.now());
                self.story.push(format!("commit {}: {what}", commit.short()));
            }
            21 | 22 => {
                let what = self.scenario.reconfigure(&mut self.rng);
                let commit = self.history.commit(&self.scenario.files(), self.clock.now());
                self.story.push(format!("commit {}: {what}", commit.short()));
            }
            18 => {
                let pause = Duration::from_secs(self.rng.random_range(1..7_200));
                self.story.push(format!("{pause:?} pass"));
                tokio::time::sleep(pause).await;
            }
            _ => {
                if self.rng.random_bool(0.3) {
                    self.story.push("the state is lost".to_owned());
                    self.disk = Disk::new();
                    self.lost_state = true;
                    process = self.restart(process).await?;
                } else {
                    self.rewind(&mut process)?;
                }
            }
        }
        Ok(process)
    }

    /// A forced push that takes accepted commits back must be refused.
    fn rewind(&mut self, process: &mut Process) -> Result<(), String> {
        use crate::source::Source as _;
        let head = self.history.head().map_err(|error| error.to_string())?;
        process
            .follow(head, Following::Accept)
            .map_err(|error| format!("the head is refused: {error}"))?;
        let Some(parent) = self.history.first_parent(head).map_err(|error| error.to_string())? else {
            return Ok(());
        };
        self.story.push("the branch is taken back".to_owned());
        self.history.rewind(parent);
        let refused = process.follow(parent, Following::Accept);
        self.history.rewind(head);
        match refused {
            Err(ReconcileError::Rewritten { .. }) => Ok(()),
            Err(error) => Err(format!("a rewritten branch is refused for another reason: {error}")),
            Ok(_) => Err("a rewritten branch is followed".to_owned()),
        }
    }

    /// Follows the head and runs passes; with `kill`, until the process is killed at a random moment.
    pub(super) async fn converge(&mut self, mut process: Process, kill: bool) -> Result<Process, String> {
        self.follow(&mut process)?;
        self.rules.begin_pass();
        let scope = Scope {
            honour_history: self.rng.random_bool(0.5),
            ..Scope::default()
        };
        if kill {
            let after = Duration::from_millis(self.rng.random_range(1..1_500));
            let rules = Arc::clone(&self.rules);
            let stop = Stop::new();
            let killed = tokio::select! {
                biased;
                () = tokio::time::sleep(after) => true,
                ended = process.converge(&scope, &*rules, &stop) => {
                    ended.map_err(|error| error.to_string())?;
                    false
                }
            };
            if killed {
                self.story.push(format!("killed {after:?} into a pass"));
                return self.restart(process).await;
            }
        } else {
            let passes = process
                .converge(&scope, &*self.rules, &Stop::new())
                .await
                .map_err(|error| error.to_string())?;
            self.story.push(format!("{} passes", passes.len()));
        }
        Ok(process)
    }

    pub(super) fn follow(&self, process: &mut Process) -> Result<(), String> {
        use crate::source::Source as _;
        let head = self.history.head().map_err(|error| error.to_string())?;
        let revision = process
            .follow(head, Following::Accept)
            .map_err(|error| format!("the head is refused: {error}"))?;
        if revision.has_errors() {
            return Err(format!("the manifests have errors: {:?}", revision.diagnostics));
        }
        Ok(())
    }
}
