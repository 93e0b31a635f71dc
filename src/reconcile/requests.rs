//! What people ask a running daemon, carried out between two turns of its loop.

use std::collections::BTreeSet;

use globset::Glob;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::ReconcileError;
use super::lookup::named;
use super::reconciler::Reconciler;
use crate::execute::{Clock as _, World};
use crate::model::{Asked, Digest, Pause, Reply, Request, RequestError, Status, UnitId};
use crate::plan::{Advice, Blocked, Cause};
use crate::source::Source;

/// How often conditions are judged at most while nobody asks.
const OBSERVE_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// Where requests come from, and to whom answers are told.
pub struct Requests {
    pub asked: mpsc::Receiver<Asked>,
    pub advice: Advice,
    pub started: Timestamp,
    /// What was known last of how things stand: each condition keeps the time since when it is so.
    pub known: Option<Status>,
}

type Answer = Result<Reply, RequestError>;

/// Somebody waits until what they asked to be looked at has come to rest.
pub(super) struct Waiting {
    units: BTreeSet<UnitId>,
    reply: oneshot::Sender<Answer>,
}

/// What became of a request so far.
pub(super) enum Taken {
    Answered,
    /// Answered, and the branch is to be looked at now.
    LookAtBranch,
    /// To be answered once these have come to rest; the branch is to be looked at first.
    Waits(Waiting),
}

impl Requests {
    /// For a daemon of which nobody can ask anything.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            asked: mpsc::channel(1).1,
            advice: Advice::default(),
            started: Timestamp::UNIX_EPOCH,
            known: None,
        }
    }

    /// When conditions have to be judged because something has changed now: soon, so that they tell since when it is so, and
    /// not at each change, since a look at every image is needed. Never where nobody could ask.
    pub(super) fn next_observation(&self, now: Timestamp) -> Option<Timestamp> {
        if self.asked.is_closed() {
            return None;
        }
        let known = self.known.as_ref().map(|known| known.at.saturating_add(OBSERVE_EVERY));
        Some(known.map_or(now, |at| at.unwrap_or(now).max(now)))
    }

    /// The next request. Where nobody is left to ask, never.
    pub(super) async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// Does what is asked, or begins to.
    pub(super) fn take_request(&mut self, asked: Asked, requests: &mut Requests) -> Taken {
        let Asked { request, reply } = asked;
        let advice = &requests.advice;
        let (answer, taken) = match request {
            Request::Turn => {
                let is_following = self.revision.is_some();
                (Ok(Reply::Turned { is_following }), Taken::Answered)
            }
            Request::Status => (Ok(Reply::Status(Box::new(self.observe(requests)))), Taken::Answered),
            Request::Reconcile { only } => match self.reconcile_now(only.as_deref()) {
                Ok(units) => return Taken::Waits(Waiting { units, reply }),
                Err(error) => (Err(error), Taken::Answered),
            },
            Request::Image { reference } => (
                self.meant(&reference)
                    .map(|units| Reply::Images(self.images(&units, advice))),
                Taken::Answered,
            ),
            Request::Accept { revision } => (self.accept_now(&revision), Taken::LookAtBranch),
            Request::Adopt { glob, reason } => (self.adopt_now(&glob, &reason), Taken::Answered),
            Request::Pause { reason } => (self.pause(Some(reason)), Taken::Answered),
            Request::Resume => (self.pause(None), Taken::Answered),
        };
        // Who asked may have gone.
        let _ = reply.send(answer);
        taken
    }

    /// Answers those whose images have come to rest.
    pub(super) fn answer_waiting(&mut self, waiting: &mut Vec<Waiting>, advice: &Advice) {
        for done in waiting.extract_if(.., |waits| self.engine.is_at_rest(&waits.units)) {
            let status = self.engine.status_of(&done.units);
            let standing = self.standing_of(&status, self.engine.is_draining(), advice);
            let answer = standing
                .map(|standing| Reply::Standing {
                    standing: Box::new(standing),
                    pause: self.pause.clone(),
                })
                .ok_or_else(|| RequestError::Refused("no commit is followed yet: see `landfall status`".to_owned()));
            let _ = done.reply.send(answer);
        }
    }

    /// How everything stands, with conditions that go on from when they were last observed.
    pub(super) fn observe(&self, requests: &mut Requests) -> Status {
        let standing = self.standing_of(&self.engine.status(), self.engine.is_draining(), &requests.advice);
        let mut status = self.status(standing, requests.started);
        status.judge(requests.known.as_ref());
        requests.known = Some(status.clone());
        status
    }

    fn meant(&self, reference: &str) -> Result<BTreeSet<UnitId>, RequestError> {
        let units = named(&self.engine.graph, reference);
        if units.is_empty() {
            return Err(RequestError::NotFound(format!(
                "nothing that is promoted is called `{reference}`: a target, a digest, or REPOSITORY:TAG and \
                 REPOSITORY@DIGEST are understood, the repository under its public name, at an endpoint, or as \
                 TARGET/PATH"
            )));
        }
        Ok(units)
    }

    fn reconcile_now(&mut self, only: Option<&str>) -> Result<BTreeSet<UnitId>, RequestError> {
        let units = match only {
            Some(reference) => self.meant(reference)?,
            None => self.engine.graph.wanted().collect(),
        };
        self.engine.allow_requests();
        self.engine.look_now(&units);
        Ok(units)
    }

    fn accept_now(&mut self, revision: &str) -> Answer {
        let commit = self
            .source
            .resolve(revision)
            .map_err(|error| RequestError::NotFound(error.to_string()))?;
        let branch = self
            .source
            .branch()
            .map_err(|error| RequestError::Failed(error.to_string()))?;
        self.accept_rewritten(commit).map_err(refused)?;
        Ok(Reply::Done(vec![format!(
            "`{branch}` is followed from commit {commit} on."
        )]))
    }

    fn adopt_now(&mut self, glob: &str, reason: &str) -> Answer {
        let glob = Glob::new(glob).map_err(|error| RequestError::Refused(error.to_string()))?;
        let blocked = self.engine.status().blocked;
        let adopted = self.adopt_matching(&blocked, &glob, reason).map_err(refused)?;
        if adopted.is_empty() {
            return Ok(Reply::Done(vec![format!(
                "No tag in conflict matches {}.",
                glob.glob()
            )]));
        }
        let units: BTreeSet<UnitId> = self.engine.graph.wanted().collect();
        self.engine.touch_units(units);
        Ok(Reply::Done(
            adopted
                .into_iter()
                .map(|(place, found)| format!("{place} stands on {found}, and is taken over now"))
                .collect(),
        ))
    }

    /// Lets landfall take over the tags in conflict whose place matches. Gives those places, and what stands there.
    ///
    /// # Errors
    /// Where the state cannot be written.
    pub fn adopt_matching(
        &mut self,
        blocked: &[Blocked],
        glob: &Glob,
        reason: &str,
    ) -> Result<Vec<(String, Digest)>, ReconcileError> {
        let matches = glob.compile_matcher();
        let mut adopted = Vec::new();
        for blocked in blocked {
            let Cause::Conflict { tag, endpoint, found } = blocked.cause else {
                continue;
            };
            let (repository, name) = self.engine.graph.tag(tag);
            let place = format!("{}:{name}", self.engine.graph.place(repository, endpoint));
            if matches.is_match(&place) {
                self.adopt(tag, endpoint, found, reason)?;
                adopted.push((place, found));
            }
        }
        Ok(adopted)
    }

    fn pause(&mut self, reason: Option<String>) -> Answer {
        let pause = reason.map(|reason| Pause {
            since: self.world.clock().now(),
            reason,
        });
        self.recollection
            .state()
            .write(|batch| batch.set_pause(pause.as_ref()))
            .map_err(|error| refused(error.into()))?;
        let said = match (&pause, &self.pause) {
            (Some(_), None) => "Writes are paused; what has begun comes to its end.".to_owned(),
            (Some(_), Some(_)) => "Writes were paused already; the reason is the new one.".to_owned(),
            (None, Some(_)) => "Writes go on.".to_owned(),
            (None, None) => "Writes were not paused.".to_owned(),
        };
        self.engine.allow_writes(pause.is_none());
        self.pause = pause;
        Ok(Reply::Done(vec![said]))
    }
}

/// What a command could not do in this state of things, or because the state failed.
fn refused(error: ReconcileError) -> RequestError {
    match error {
        error @ (ReconcileError::Rewritten { .. } | ReconcileError::Invalid { .. } | ReconcileError::Source(_)) => {
            RequestError::Refused(error.to_string())
        }
        ReconcileError::State(error) => RequestError::Failed(error.to_string()),
    }
}
