//! `landfall run`: keeps registries as the branch says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic as _, Report};
use tokio::sync::mpsc;

use super::session::{runtime, stop_on_signals};
use super::{Common, ExitCode};
use crate::assembly::{RealWorld, Session};
use crate::facts::Depth;
use crate::model::{Convergence, StepResult};
use crate::reconcile::{Following, Loop, Pass, ReconcileError, Reconciler, Unwatched, Wake};
use crate::source::{Source, Watcher};

/// Keep registries as the branch says, until told to stop
#[derive(Debug, clap::Args)]
pub struct RunCommand {
    /// Look at every blob too whenever registries are looked at
    #[arg(long)]
    blobs: bool,
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

impl RunCommand {
    /// # Errors
    /// Where configuration, repository or state cannot be opened. What goes wrong later is logged and tried again.
    pub fn run(self, common: &Common) -> Result<ExitCode, Report> {
        let mut session = Session::open(common)?;
        self.begin(&mut session)?;
        let options = Loop {
            commits: signed(session.config.git.interval),
            registries: signed(session.config.observe_interval),
            scope_depth: if self.blobs { Depth::Blobs } else { Depth::Manifests },
        };
        runtime()?.block_on(async {
            let stop = stop_on_signals();
            let (sender, mut wakes) = mpsc::channel(1);
            match Watcher::new(&session.source) {
                Ok(mut watcher) => {
                    tokio::spawn(async move {
                        loop {
                            if let Err(error) = watcher.changed().await {
                                tracing::warn!(%error, "the branch is looked at by its interval only");
                                return;
                            }
                            // One wake-up that waits is enough.
                            let _ = sender.try_send(Wake);
                        }
                    });
                }
                Err(error) => tracing::warn!(%error, "the branch is looked at by its interval only"),
            }
            tracing::info!(repository = %session.source.path().display(), "following");
            session
                .reconciler
                .run_loop(&options, &mut wakes, &Unwatched, &stop, |reconciler, result| {
                    log(reconciler, result);
                })
                .await;
        });
        Ok(ExitCode::AsDesired)
    }

    /// Without an accepted commit nothing is written until `floor` says where to begin.
    fn begin(&self, session: &mut Session) -> Result<(), Report> {
        let branch = session.source.branch().into_diagnostic()?;
        if session.state.accepted(&branch).into_diagnostic()?.is_some() {
            return Ok(());
        }
        let head = session.source.head().into_diagnostic()?;
        let Some(floor) = session.config.git.floor else {
            return Err(miette::miette!(
                help = format!(
                    "`landfall accept {head}` begins at the head of `{branch}`; so does\n  [git]\n  floor = \"{head}\"\n\
                     in the configuration"
                ),
                "no commit of `{branch}` was accepted yet, and a daemon does not choose one"
            ));
        };
        session.follow(floor, Following::Accept)?;
        Ok(())
    }
}

fn log<S: Source>(reconciler: &Reconciler<RealWorld, S>, result: Result<&Pass, ReconcileError>) {
    let pass = match result {
        Ok(pass) => pass,
        Err(error) => {
            tracing::error!(%error, "nothing new is followed");
            return;
        }
    };
    let Some(report) = reconciler.report(std::slice::from_ref(pass), pass.began, Timestamp::now()) else {
        return;
    };
    for step in &report.steps {
        match step.result {
            StepResult::Done => {
                tracing::info!(
                    node = step.node,
                    endpoint = step.endpoint,
                    step = step.action,
                    because = step.because,
                    "done"
                );
            }
            _ => {
                let error = step.error.as_deref().unwrap_or_default();
                tracing::warn!(
                    node = step.node,
                    endpoint = step.endpoint,
                    step = step.action,
                    error,
                    "not done"
                );
            }
        }
    }
    for blocked in &report.blocked {
        tracing::warn!(
            kind = blocked.kind,
            nodes = blocked.nodes,
            example = blocked.example,
            remedy = blocked.remedy,
            "{}",
            blocked.cause
        );
    }
    let (commit, images, endpoints, requests) =
        (report.commit.short(), report.images, report.endpoints, report.requests);
    match report.result {
        Convergence::AsDesired => tracing::info!(commit, images, endpoints, requests, "as desired"),
        Convergence::Partly => tracing::warn!(commit, images, endpoints, requests, "partly converged"),
        Convergence::Interrupted => tracing::warn!(commit, "interrupted"),
    }
}
