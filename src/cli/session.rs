//! What the commands that reconcile have in common: configuration, repository, state, a reconciler.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Report, miette};

use super::advice::advice;
use super::diagnostics::write_diagnostics;
use super::exit_code::{Ended as _, Ends as _};
use super::progress::Watching;
pub use super::stopping::stop_on_signals;
use super::{Common, ErrorOutput, ExitCode, Terminal, WithExitCode as _};
use crate::assembly::{self, Opening, Session};
use crate::config::{Config, Environment};
use crate::model::{CommitId, Severity};
use crate::plan::{Advice, Audience, Scope};
use crate::reconcile::{Following, Pass, ReconcileError, read_tree};
use crate::source::{Repository, Source as _};

/// The configuration that the command line names, or that is found.
///
/// # Errors
/// Where it cannot be read, or something in it is wrong.
pub fn configuration(common: &Common) -> Result<Arc<Config>, Report> {
    Config::load(common.config.as_deref(), Environment::Process)
        .map(Arc::new)
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)
}

/// The repository that the command line or the configuration names, else the current directory.
///
/// # Errors
/// Where it cannot be opened.
pub fn repository(common: &Common, config: &Config) -> Result<Repository, Report> {
    let revisions: Vec<&str> = common.revision.as_deref().into_iter().collect();
    assembly::repository(common.repo.as_deref(), config, Opening::Once(&revisions)).ended()
}

/// A commit, looked at.
pub struct Preview {
    /// What its manifests end the program with.
    pub judged: ExitCode,
    pub pass: Pass,
}

impl Session {
    /// # Errors
    /// Where the configuration, the repository or the state cannot be opened.
    pub fn open(common: &Common) -> Result<Self, Report> {
        let revisions: Vec<&str> = common.revision.as_deref().into_iter().collect();
        Self::open_for(common, Opening::Once(&revisions))
    }

    /// # Errors
    /// As those of [`Self::open`].
    pub fn open_for(common: &Common, opening: Opening<'_>) -> Result<Self, Report> {
        let config = configuration(common)?;
        Self::assemble(common.repo.as_deref(), config, opening).ended()
    }

    /// The commit that the command line names, else the newest.
    ///
    /// # Errors
    /// Where there is none.
    pub fn commit(&self, common: &Common) -> Result<CommitId, Report> {
        match &common.revision {
            Some(revision) => self.source.resolve(revision),
            None => self.source.head(),
        }
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)
    }

    /// Takes the commit, and says on standard error what is wrong with its manifests. Returns [`ExitCode::Invalid`]
    /// where some claims are held back, while the others can go on.
    ///
    /// # Errors
    /// Where the commit is refused as a whole.
    pub fn follow(&mut self, commit: CommitId, following: Following, advice: &Advice) -> Result<ExitCode, Report> {
        let diagnostics = match self.reconciler.follow(commit, following) {
            Ok(_) => self.reconciler.diagnostics(),
            Err(ReconcileError::Invalid { diagnostics, .. }) => diagnostics,
            Err(error @ ReconcileError::Rewritten { .. }) => {
                return Err(miette!(
                    help = format!("{} says that it is meant", advice.asked(&format!("accept {commit}"))),
                    "{error}"
                ))
                .with_exit_code(ExitCode::AccessRefused);
            }
            // A clone that ends too soon is put right by whoever gave it; damage on disk is a failure.
            Err(ReconcileError::Source(error)) => {
                let code = error.exit_code();
                return Err(error).into_diagnostic().with_exit_code(code);
            }
            Err(error) => return Err(error).into_diagnostic(),
        };
        let refused = self
            .reconciler
            .revision()
            .is_none_or(|revision| revision.commit != commit);
        if !diagnostics.is_empty() {
            let tree = read_tree(&*self.source, commit).into_diagnostic()?;
            write_diagnostics(&mut ErrorOutput::open(), &diagnostics, &tree).into_diagnostic()?;
        }
        let errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count();
        if refused {
            return Err(miette!(
                help = "`landfall validate` shows the same without a network",
                "commit {} is refused: {errors} of its manifests' lines are wrong",
                commit.short()
            ))
            .with_exit_code(ExitCode::Invalid);
        }
        Ok(if errors > 0 {
            ExitCode::Invalid
        } else {
            ExitCode::AsDesired
        })
    }

    /// Looks at what the command line's commit asks for, and writes nothing. An interrupted pass is returned as it is.
    ///
    /// # Errors
    /// Where the commit is refused, or Git or the state cannot be read.
    pub fn preview(&mut self, common: &Common, scope: &Scope, terminal: &Terminal) -> Result<Preview, Report> {
        let commit = self.commit(common)?;
        let judged = self.follow(
            commit,
            Following::Look,
            &advice(common, &self.config, Audience::Command),
        )?;
        let watching = Watching::new(terminal);
        let pass = runtime()?
            .block_on(async {
                let stop = stop_on_signals();
                watching.tell_what_a_stop_waits_for(&stop);
                self.reconciler.preview(scope, &watching, &stop).await
            })
            .into_diagnostic()?;
        watching.finish();
        Ok(Preview { judged, pass })
    }
}

/// A runtime for commands that talk to registries.
///
/// # Errors
/// Where the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Report> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic()
}
