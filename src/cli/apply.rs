//! `landfall apply`: brings registries to what a commit says.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report, WrapErr as _, miette};

use super::exit_code::Ended as _;
use super::plan::Look;
use super::progress::Watching;
use super::session::runtime;
use super::stopping::stop_on_signals;
use super::{Common, ExitCode, Format, Terminal, WithExitCode as _, advice, report, signers};
use crate::assembly::{Session, writes_refused};
use crate::execute::Stop;
use crate::model::{CommitId, Foreign};
use crate::plan::file::{PlanFile, PlanFileLimits};
use crate::plan::{Advice, Audience, Step};
use crate::reconcile::{Following, Pass};
use crate::source::{Relation, Source as _, SourceError};

/// Do what the manifests say, pass by pass, until nothing is left to do
#[derive(Debug, clap::Args)]
pub struct ApplyCommand {
    /// Run this saved plan, as far as it is still needed, and nothing else
    #[arg(value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Carry out the commit that `--revision` names without following it from now on: it may be of another branch, or
    /// older than what was followed
    #[arg(long)]
    not_accepted: bool,

    #[command(flatten)]
    look: Look,
}

/// What `--revision` names is followed from then on, so it has to be on the way that the branch took: anything else would
/// bind the branch to what was never merged into it.
fn check_revision(session: &Session, commit: CommitId, advice: &Advice) -> Result<(), Report> {
    let source = &session.source;
    let read = || -> Result<_, SourceError> {
        let (branch, head) = (source.branch()?, source.head()?);
        Ok((branch, head, source.relation(commit, head)?))
    };
    let (branch, head, relation) = read().into_diagnostic()?;
    if !matches!(relation, Relation::Same | Relation::FastForward) {
        return Err(miette!(
            help = format!(
                "merge it first, or carry it out without following it: {}",
                advice.by_hand(&format!("apply --revision {commit} --not-accepted"))
            ),
            "commit {commit} is not in the history of branch `{branch}` (its first parents, from {head} on)"
        ))
        .with_exit_code(ExitCode::Invalid);
    }
    let Some(accepted) = session.state.accepted(&branch).into_diagnostic()? else {
        return Ok(());
    };
    let is_older = source.relation(commit, accepted).into_diagnostic()? == Relation::FastForward;
    if is_older && accepted != commit {
        return Err(miette!(
            help = format!(
                "revert in Git what came after it, or carry it out without following it: {}",
                advice.by_hand(&format!("apply --revision {commit} --not-accepted"))
            ),
            "commit {commit} is older than {accepted}, which branch `{branch}` was followed to before"
        ))
        .with_exit_code(ExitCode::Invalid);
    }
    Ok(())
}

/// Whoever paused writes did so for a reason that holds for this command too.
fn refuse_while_paused(session: &Session, advice: &Advice) -> Result<(), Report> {
    match session.state.pause().into_diagnostic()? {
        None => Ok(()),
        Some(pause) => Err(miette!(
            help = format!(
                "{} lets them go on; {} looks without writing",
                advice.asked("resume"),
                advice.asked("plan")
            ),
            "writes are paused since {}: {}",
            pause.since,
            Foreign(&pause.reason)
        )),
    }
}

impl ApplyCommand {
    /// # Errors
    /// Where configuration, repository or state cannot be read, the commit is refused, `allow-writes` does not cover what
    /// is to be written, or what is to be signed cannot be signed.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let mut session = Session::open(common)?;
        let commit = session.commit(common)?;
        let advice = advice::advice(common, &session.config, Audience::Command);
        refuse_while_paused(&session, &advice)?;
        let following = if self.not_accepted {
            Following::Look
        } else {
            if common.revision.is_some() {
                check_revision(&session, commit, &advice)?;
            }
            Following::Accept
        };
        let judged = session.follow(commit, following, &advice)?;
        let watching = Watching::new(terminal);
        let started = Timestamp::now();
        let passes = runtime()?.block_on(async {
            let stop = stop_on_signals();
            watching.tell_what_a_stop_waits_for(&stop);
            match &self.plan {
                Some(path) => self.run_plan(path, commit, &mut session, &watching, &stop).await,
                None => self.converge(&mut session, &watching, &stop).await,
            }
        });
        watching.finish();
        let report = session.reconciler.report(&passes?, started, Timestamp::now(), &advice);
        let Some(report) = report else {
            return Ok(judged);
        };
        match common.format {
            Format::Text => write!(output, "{}", report::text(&report, terminal.style)).into_diagnostic()?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *output, &report).into_diagnostic()?;
                writeln!(output).into_diagnostic()?;
            }
        }
        Ok(judged.and(ExitCode::after_doing(&report.standing.shortfall)))
    }

    async fn converge(&self, session: &mut Session, watching: &Watching, stop: &Stop) -> Result<Vec<Pass>, Report> {
        let scope = self.look.scope();
        let preview = session
            .reconciler
            .preview(&scope, watching, stop)
            .await
            .into_diagnostic()?;
        refuse(session, &session.reconciler.planned().steps).await?;
        if preview.interrupted {
            return Ok(vec![preview]);
        }
        let mut passes = session
            .reconciler
            .converge_since(&preview, &scope, watching, stop)
            .await
            .into_diagnostic()?;
        passes.insert(0, preview);
        Ok(passes)
    }

    async fn run_plan(
        &self,
        path: &Path,
        commit: CommitId,
        session: &mut Session,
        watching: &Watching,
        stop: &Stop,
    ) -> Result<Vec<Pass>, Report> {
        let input = File::open(path)
            .into_diagnostic()
            .wrap_err_with(|| format!("the plan {} cannot be read", path.display()))
            .with_exit_code(ExitCode::Invalid)?;
        let plan = PlanFile::read(BufReader::new(input), &PlanFileLimits::default())
            .into_diagnostic()
            .wrap_err_with(|| format!("the plan {}", path.display()))
            .with_exit_code(ExitCode::Invalid)?;
        let preview = session
            .reconciler
            .preview(&self.look.scope(), watching, stop)
            .await
            .into_diagnostic()?;
        let graph = session.reconciler.graph();
        let needed = plan
            .check(graph, &session.reconciler.planned(), commit, session.config.digest())
            .into_diagnostic()?;
        refuse(session, &needed.steps).await?;
        let pass = session
            .reconciler
            .run_steps(
                preview,
                needed.steps,
                |graph, due| plan.put_back(graph, due),
                watching,
                stop,
            )
            .await
            .into_diagnostic()?;
        Ok(vec![pass])
    }
}

/// Before the first write: nothing is begun that cannot be written or signed to its end.
async fn refuse(session: &Session, steps: &[Step]) -> Result<(), Report> {
    let graph = session.reconciler.graph();
    writes_refused(&session.config, graph, steps)
        .map_or(Ok(()), Err)
        .ended()?;
    signers::check(&session.config, &signers::needed(graph, steps))
        .await?
        .refuse()
}
