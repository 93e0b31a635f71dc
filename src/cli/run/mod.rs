//! `landfall run`: keeps registries as the branch says.

mod serving;
mod summary;
mod supervision;
mod telling;
mod wakening;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic as _, Report, WrapErr as _};
use tokio::sync::mpsc;

use self::serving::Serving;
use self::summary::Summary;
use self::supervision::Supervision;
use self::telling::{Level, Line, Telling};
use super::session::runtime;
use super::stopping::{Running, stop_on_signals};
use super::{Common, ExitCode, Terminal, advice, signers};
use crate::assembly::{Opening, RealWorld, Session, claims_refused};
use crate::config::Config;
use crate::execute::{Progress, Stop};
use crate::facts::Depth;
use crate::graph::Graph;
use crate::model::CommitId;
use crate::plan::{Advice, Audience, Step};
use crate::reconcile::{Following, Loop, Pass, ReconcileError, Reconciler, Requests, Watch};
use crate::serve::Metrics;
use crate::source::remote::Wanted;
use crate::source::{Repository, Source as _, SourceError};

/// Requests that may wait for the loop at once.
const WAITING_REQUESTS: usize = 64;

/// Keep registries as the branch says, until told to stop
///
/// What it does and finds stands in its log, on standard error, and `status` tells it at any time. `reconcile`, `accept`,
/// `adopt`, `pause` and `resume` are carried out by it. It holds landfall's memory for as long as it runs, so that `plan` and
/// `apply` work once it has been stopped.
#[derive(Debug, clap::Args)]
pub struct RunCommand {
    /// Look at every blob too whenever registries are looked at
    #[arg(long)]
    blobs: bool,
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Watches what is being done, for the log of a stop.
#[derive(Default)]
struct Watched(Running);

impl Watch for Watched {
    fn beginning(&self, graph: &Graph, steps: &[Step], _now: Timestamp) {
        self.0.beginning(graph, steps);
    }

    fn progress(&self) -> &dyn Progress {
        &self.0
    }
}

impl RunCommand {
    /// # Errors
    /// Where configuration, repository or state cannot be opened, a signer's key does not do, or the state fails: then a
    /// new start finds out whether it can be used again. What else goes wrong later is logged and tried again.
    pub fn run(self, common: &Common, _terminal: &Terminal) -> Result<ExitCode, Report> {
        let mut session = Session::open_for(common, Opening::Lasting)?;
        let by_hand = advice::advice(common, &session.config, Audience::Command);
        self.begin(&mut session, &by_hand)?;
        let options = Loop {
            commits: signed(session.config.git.interval),
            registries: signed(session.config.observe_interval),
            scope_depth: if self.blobs { Depth::Blobs } else { Depth::Manifests },
        };
        let advice = advice::advice(common, &session.config, Audience::Daemon);
        runtime()?.block_on(async {
            self.check_signers(&mut session).await?;
            let stop = stop_on_signals();
            let watched = Watched::default();
            watched.0.tell_what_a_stop_waits_for(&stop);
            let (sender, mut wakes) = mpsc::channel(1);
            let _looks = wakening::begin(&session.source, session.config.git.interval, sender)?;
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                repository = session.source.name(),
                branch = session.source.branch().into_diagnostic()?,
                commits = ?session.config.git.interval,
                registries = ?session.config.observe_interval,
                "landfall runs"
            );
            let (asked, waiting) = mpsc::channel(WAITING_REQUESTS);
            let mut requests = Requests {
                asked: waiting,
                advice: advice.clone(),
                started: Timestamp::now(),
                known: None,
            };
            let metrics = Arc::new(Metrics::default());
            let serving = Serving::start(&session.config, asked, Arc::clone(&metrics)).await?;
            let _summary = Summary::begin(serving.daemon.clone());
            let _supervision = Supervision::begin(serving.daemon.clone(), stop.clone());
            let mut heard = Heard {
                telling: Telling::default(),
                advice,
                config: Arc::clone(&session.config),
                checked: None,
                metrics,
                stop: stop.clone(),
                broken: None,
            };
            session
                .reconciler
                .run_loop(
                    &options,
                    &mut wakes,
                    &watched,
                    &stop,
                    &mut requests,
                    |reconciler, result| {
                        heard.hear(reconciler, result);
                    },
                )
                .await;
            // Who waits for an answer is told that there will be none.
            drop(requests);
            serving.stop().await;
            match heard.broken {
                Some(error) => Err(error).into_diagnostic().wrap_err(
                    "landfall's memory failed: nothing can be done without it, and a new start opens it anew",
                ),
                None => Ok(ExitCode::AsDesired),
            }
        })
    }

    /// What the configuration names and does not open is wrong from the start. A signer that it does not name is told of,
    /// since what others signed can be kept all the same.
    async fn check_signers(&self, session: &mut Session) -> Result<(), Report> {
        // Where the head is not known or not followed, the loop says why.
        if let Ok(head) = session.source.head()
            && let Err(error) = session.reconciler.follow(head, Following::Accept)
        {
            tracing::debug!(%error, "signers are not checked at the head");
        }
        let wanted = signers::wanted(session.reconciler.graph());
        let faults = signers::check(&session.config, &wanted).await?;
        if faults.is_misconfigured() {
            return faults.refuse();
        }
        for line in faults.lines() {
            tracing::warn!("what is to be signed cannot be signed here: {line}");
        }
        Ok(())
    }

    /// Without an accepted commit nothing is written until `floor` says where to begin.
    fn begin(&self, session: &mut Session, advice: &Advice) -> Result<(), Report> {
        let branch = session.source.branch().into_diagnostic()?;
        if let Some(accepted) = session.state.accepted(&branch).into_diagnostic()? {
            keep_accepted(session, accepted);
            return Ok(());
        }
        let head = session.source.head().into_diagnostic()?;
        let Some(floor) = session.config.git.floor else {
            return Err(miette::miette!(
                help = format!(
                    "{} begins at the head of `{branch}`; so does\n  [git]\n  floor = \"{head}\"\nin the configuration",
                    advice.asked(&format!("accept {head}"))
                ),
                "no commit of `{branch}` was accepted yet, and a daemon does not choose one"
            ));
        };
        session.follow(floor, Following::Accept, advice)?;
        Ok(())
    }
}

/// What was accepted is kept from the start, whatever became of the branch meanwhile.
fn keep_accepted(session: &mut Session, accepted: CommitId) {
    if let Some(remote) = session.source.remote()
        && matches!(session.source.commit(accepted), Err(SourceError::NoSuchCommit { .. }))
        && let Err(error) = remote.look(Wanted::Commit(accepted))
    {
        tracing::warn!(%error, commit = %accepted, "the commit that was followed before cannot be had any more");
    }
    // The loop follows the head, and tells why where it cannot.
    if let Err(error) = session.reconciler.follow(accepted, Following::Accept) {
        tracing::warn!(%error, commit = %accepted, "the commit that was followed before cannot be kept");
    }
}

/// Puts what the loop tells into the log.
struct Heard {
    telling: Telling,
    advice: Advice,
    config: Arc<Config>,
    /// The commit whose endpoints were held against `allow-writes`.
    checked: Option<CommitId>,
    metrics: Arc<Metrics>,
    stop: Stop,
    /// Why the state cannot be used any more.
    broken: Option<ReconcileError>,
}

impl Heard {
    fn hear(&mut self, reconciler: &Reconciler<RealWorld, Repository>, result: Result<&Pass, ReconcileError>) {
        let lines = match result {
            Ok(pass) => {
                let passes = std::slice::from_ref(pass);
                match reconciler.report(passes, pass.began, Timestamp::now(), &self.advice) {
                    Some(report) => {
                        self.metrics.count(&report);
                        self.check_writes(reconciler.graph(), report.standing.commit);
                        self.telling.report(&report, reconciler.is_following())
                    }
                    None => Vec::new(),
                }
            }
            Err(error) => self.error(error),
        };
        for line in lines {
            log(&line);
        }
    }

    fn error(&mut self, error: ReconcileError) -> Vec<Line> {
        self.metrics.count_follow_error();
        let text = error.to_string();
        match error {
            // A database that failed once answers nothing any more: whoever restarts this process opens it anew.
            ReconcileError::State(_) => {
                self.broken = Some(error);
                self.stop.drain();
                Vec::new()
            }
            ReconcileError::Rewritten { head, .. } => {
                let remedy = self.advice.asked(&format!("accept {head}"));
                self.telling.error(&text, &[], Some(remedy))
            }
            ReconcileError::Invalid { diagnostics, .. } => self.telling.error(&text, &diagnostics, None),
            ReconcileError::Source(_) => self.telling.error(&text, &[], None),
        }
    }

    fn check_writes(&mut self, graph: &Graph, commit: CommitId) {
        if self.checked.replace(commit) != Some(commit)
            && let Some(refused) = claims_refused(&self.config, graph)
        {
            tracing::error!(remedy = refused.remedy(), "{refused}");
        }
    }
}

fn log(line: &Line) {
    let (text, remedy) = (&line.text, line.remedy.as_deref());
    match line.level {
        Level::Error => tracing::error!(remedy, "{text}"),
        Level::Warning => tracing::warn!(remedy, "{text}"),
        Level::Information => tracing::info!(remedy, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::reconcile::state::StateError;

    #[test]
    fn a_memory_that_fails_ends_the_daemon_and_a_branch_that_cannot_be_read_does_not() {
        let config = Config::parse(
            "[storage]\nstate = \"/nonexistent\"\ncache = \"/nonexistent\"\n",
            "/etc/landfall/config.toml".as_ref(),
            Environment::Fixed([].into()),
        );
        let mut heard = Heard {
            telling: Telling::default(),
            advice: Advice::default(),
            config: Arc::new(config.unwrap()),
            checked: None,
            metrics: Arc::new(Metrics::default()),
            stop: Stop::new(),
            broken: None,
        };
        let unborn = crate::source::SourceError::Unborn {
            repository: "/srv/releases".into(),
            branch: "main".to_owned(),
        };
        assert_eq!(heard.error(unborn.into()).len(), 1);
        assert!(heard.broken.is_none() && !heard.stop.is_draining());
        let full = StateError::Io {
            file: "state.redb".to_owned(),
            doing: "write",
            reason: "no space left on device".to_owned(),
        };
        assert_eq!(heard.error(full.into()), []);
        assert!(heard.broken.is_some() && heard.stop.is_draining());
    }
}
