//! The loop: a pass when the branch moves, when a look is due, when a wait is over.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::pass::{Pass, Writes};
use super::reconciler::Reconciler;
use super::watch::Watch;
use super::{Following, ReconcileError};
use crate::execute::{Clock, Stop, World};
use crate::facts::Bounds;
use crate::model::CommitId;
use crate::plan::{Cause, Planned, Scope};
use crate::source::Source;

/// How often the loop looks without being woken.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    /// At the branch.
    pub commits: SignedDuration,
    /// At everything in the registries: damage stays unseen for this long at most.
    pub registries: SignedDuration,
    pub scope_depth: crate::facts::Depth,
}

/// Something happened that a pass should look at. It carries nothing: the pass finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake;

impl<W: World, S: Source> Reconciler<W, S> {
    /// Follows the branch until told to stop. `heard` is called after each pass, and with each error; an error ends
    /// nothing, the next wake-up tries again.
    pub async fn run_loop(
        &mut self,
        options: &Loop,
        wakes: &mut mpsc::Receiver<Wake>,
        watch: &dyn Watch,
        stop: &Stop,
        mut heard: impl FnMut(&Self, Result<&Pass, ReconcileError>),
    ) {
        let scope = Scope {
            depth: options.scope_depth,
            honour_history: true,
            ..Scope::default()
        };
        // Everything is older than any bound at first.
        let bounds = Bounds {
            tags: options.registries,
            images: options.registries,
            evidence: options.registries,
        };
        while !stop.is_draining() {
            let mut again = false;
            match self.follow_head() {
                Ok(_) => {}
                // What was followed before goes on being kept.
                Err(error) => heard(self, Err(error)),
            }
            let mut wait = options.commits;
            if self.revision.is_some() {
                match self.pass(&scope, &bounds, Writes::Due, watch, stop).await {
                    Ok(pass) => {
                        heard(self, Ok(&pass));
                        again = pass.progressed() && !pass.is_settled();
                        wait = wait.min(next_attempt(&pass.last, self.world.clock().now()).unwrap_or(wait));
                    }
                    Err(error) => heard(self, Err(error)),
                }
            }
            if again {
                continue;
            }
            let pause = std::time::Duration::try_from(wait.max(SignedDuration::from_secs(1))).unwrap_or_default();
            tokio::select! {
                () = stop.drained() => {}
                () = tokio::time::sleep(pause) => {}
                woken = wakes.recv() => {
                    if woken.is_none() {
                        // Nobody is left to wake it: time still does.
                        tokio::select! {
                            () = stop.drained() => {}
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                }
            }
        }
    }

    fn follow_head(&mut self) -> Result<CommitId, ReconcileError> {
        let head = self.source.head()?;
        self.follow(head, Following::Accept)?;
        Ok(head)
    }
}

/// How long until the first of the waits is over.
fn next_attempt(planned: &Planned, now: Timestamp) -> Option<SignedDuration> {
    planned
        .blocked
        .iter()
        .filter_map(|blocked| match &blocked.cause {
            Cause::BackOff { until, .. } | Cause::Rotation { until } => {
                Some(until.duration_since(now).max(SignedDuration::ZERO))
            }
            _ => None,
        })
        .min()
}
