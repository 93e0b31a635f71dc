//! The daemon: follows the branch, and keeps registries so, until told to stop.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::engine::{Lasting, Periods};
use super::pass::{Pass, Writes};
use super::reconciler::Reconciler;
use super::requests::{Requests, Taken, Waiting};
use super::tasks::Tasks;
use super::watch::Watch;
use super::{Following, ReconcileError};
use crate::execute::{Clock, Stop, World};
use crate::facts::{Bounds, Depth};
use crate::model::CommitId;
use crate::plan::{Blocked, Scope};
use crate::source::Source;

/// How often the daemon looks without being woken.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    /// At the branch.
    pub commits: SignedDuration,
    /// At everything in the registries: damage stays unseen for this long at most.
    pub registries: SignedDuration,
    pub scope_depth: Depth,
}

/// Something happened that should be looked at. It carries nothing: the look finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake;

/// What goes on for long is told of in between.
const TELL_EVERY: SignedDuration = SignedDuration::from_secs(5);

impl<W: World, S: Source> Reconciler<W, S> {
    /// Follows the branch until told to stop. `heard` is called with what was done whenever a moment is quiet and
    /// something has changed, and with each error; an error ends nothing, the next look tries again.
    pub async fn run_loop(
        &mut self,
        options: &Loop,
        wakes: &mut mpsc::Receiver<Wake>,
        watch: &dyn Watch,
        stop: &Stop,
        requests: &mut Requests,
        mut heard: impl FnMut(&Self, Result<&Pass, ReconcileError>),
    ) {
        let mut tasks = Tasks::new(Arc::clone(&self.observer));
        let mut daemon = Daemon {
            next_commit: self.world.clock().now(),
            told: None,
            told_at: self.world.clock().now(),
            is_woken: true,
            waiting: Vec::new(),
            observe_at: None,
            is_unsettled: false,
        };
        self.start(options, &Bounds::FRESH);
        loop {
            let now = self.world.clock().now();
            if !self.engine.is_draining() && (daemon.is_woken || daemon.next_commit <= now) {
                daemon.is_woken = false;
                daemon.next_commit = now.saturating_add(options.commits).unwrap_or(Timestamp::MAX);
                self.engine.allow_requests();
                let followed = self.follow_head(options, &mut tasks).await;
                self.branch_error = followed.as_ref().err().map(ToString::to_string);
                if let Err(error) = followed {
                    // What was followed before goes on being kept.
                    heard(self, Err(error));
                }
                // By what `doctor` has found out since too, and of endpoints that a commit has just brought.
                self.know_registries(now);
            }
            if let Err(error) = self.advance(&mut tasks, watch, stop) {
                heard(self, Err(error));
            }
            self.heed(stop, &mut tasks);
            let is_quiet = self.engine.is_idle();
            self.answer_waiting(&mut daemon.waiting, &requests.advice);
            if self.revision.is_some() {
                self.tell(&mut daemon, is_quiet, stop, requests, &mut heard);
            }
            if is_quiet && self.engine.is_draining() {
                return;
            }
            if daemon.observe_at.is_some_and(|at| at <= now) {
                daemon.observe_at = None;
                self.observe(requests);
            }
            let due = self.engine.due().into_iter().chain([daemon.next_commit]);
            let due = due.chain(daemon.observe_at).min();
            let due = due.filter(|_| !self.engine.is_draining());
            tokio::select! {
                biased;
                asked = requests.next(), if !self.engine.is_draining() => {
                    match self.take_request(asked, requests) {
                        Taken::Answered => {}
                        Taken::LookAtBranch => daemon.is_woken = true,
                        Taken::Waits(waiting) => {
                            daemon.is_woken = true;
                            daemon.waiting.push(waiting);
                        }
                    }
                }
                woken = woken(wakes), if !self.engine.is_draining() => daemon.is_woken = woken,
                waited = self.wait(&mut tasks, due, watch, stop) => {
                    if let Err(error) = waited {
                        heard(self, Err(error));
                    }
                }
            }
        }
    }

    fn start(&mut self, options: &Loop, bounds: &Bounds) {
        let scope = Scope {
            depth: options.scope_depth,
            honour_history: true,
            ..Scope::default()
        };
        let writes = if self.pause.is_some() {
            Writes::None
        } else {
            Writes::Due
        };
        let now = self.begin_session(scope, writes, Lasting::ForEver, bounds);
        let every = options.registries;
        let periods = Periods {
            tags: every,
            images: every,
            evidence: every,
        };
        self.engine.keep_looking(periods, now);
    }

    /// Follows the head, where it is another than before.
    async fn follow_head(&mut self, options: &Loop, tasks: &mut Tasks<W>) -> Result<CommitId, ReconcileError> {
        self.is_following = false;
        let head = self.source.head()?;
        if self.revision.as_ref().is_some_and(|revision| revision.commit == head) {
            // What was refused in between is not the head any more.
            self.refused = None;
            self.is_following = true;
            return Ok(head);
        }
        let numbering = self.numbering;
        self.follow(head, Following::Accept)?;
        self.is_following = true;
        if self.numbering != numbering {
            // What is under way speaks of endpoints by their former numbers, and ends first. What is known is kept.
            tasks.end_all().await;
            self.start(options, &Bounds::ANY);
        }
        Ok(head)
    }

    fn tell(
        &mut self,
        daemon: &mut Daemon,
        is_quiet: bool,
        stop: &Stop,
        asking: &Requests,
        heard: &mut impl FnMut(&Self, Result<&Pass, ReconcileError>),
    ) {
        let now = self.world.clock().now();
        let is_long = now.duration_since(daemon.told_at) >= TELL_EVERY && self.engine.has_ran();
        if !is_quiet && !is_long {
            return;
        }
        let Some(commit) = self.revision.as_ref().map(|revision| revision.commit) else {
            return;
        };
        let last = self.engine.status();
        let verdict = Told {
            commit,
            is_settled: self.engine.is_settled(),
            blocked: last.blocked.clone(),
            withheld: last.summary.withheld,
            refused: self.refused.as_ref().map(|refused| refused.commit),
            is_following: self.is_following,
        };
        let is_news = self.engine.has_ran() || daemon.told.as_ref() != Some(&verdict);
        // What was told while something was still under way is settled once it no longer is.
        daemon.is_unsettled |= is_news;
        if is_quiet
            && std::mem::take(&mut daemon.is_unsettled)
            && let Err(error) = self.settle(now)
        {
            heard(self, Err(error));
        }
        if !is_news {
            return;
        }
        let (ran, requests) = self.engine.take_ran();
        let pass = Pass {
            began: daemon.told_at,
            ran,
            last,
            requests,
            interrupted: stop.is_draining(),
        };
        daemon.told = Some(verdict);
        daemon.told_at = now;
        daemon.observe_at = asking.next_observation(now);
        heard(self, Ok(&pass));
    }
}

/// What the daemon keeps between turns.
struct Daemon {
    next_commit: Timestamp,
    told: Option<Told>,
    told_at: Timestamp,
    is_woken: bool,
    /// Who waits for what they asked to be looked at.
    waiting: Vec<Waiting>,
    /// When conditions are judged anew, though nobody asks.
    observe_at: Option<Timestamp>,
    /// Something was told since state was last put in order.
    is_unsettled: bool,
}

/// What was told last: the same is not told twice.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    commit: CommitId,
    is_settled: bool,
    blocked: Vec<Blocked>,
    withheld: usize,
    refused: Option<CommitId>,
    is_following: bool,
}

/// Returns when somebody calls. Where nobody is left to, time still does.
async fn woken(wakes: &mut mpsc::Receiver<Wake>) -> bool {
    match wakes.recv().await {
        Some(Wake) => true,
        None => std::future::pending().await,
    }
}
