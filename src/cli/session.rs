//! What the commands that reconcile have in common: configuration, repository, state, a reconciler.

use std::path::Path;
use std::sync::Arc;

use miette::{IntoDiagnostic as _, Report, WrapErr as _, miette};

use super::connection::{self, AllowedRegistries};
use super::diagnostics::write_diagnostics;
use super::known_registries::KnownRegistries;
use super::progress::Watching;
pub use super::stopping::stop_on_signals;
use super::{Common, ErrorOutput, ExitCode, Terminal, WithExitCode as _, advice};
use crate::config::{Config, Environment};
use crate::execute::{AssembledWorld, SystemClock};
use crate::model::{CommitId, Severity};
use crate::plan::{Advice, Audience, Scope};
use crate::reconcile::cache::Cache;
use crate::reconcile::state::State;
use crate::reconcile::{Following, Pass, ReconcileError, Reconciler, Settings, StateJournal, read_tree};
use crate::signing::KeyFileSigners;
use crate::source::{GitRepository, Location, Options, Source as _, SubPath};

/// What the cache may hold: about 500,000 verdicts.
pub const CACHE_BYTES: u64 = 256 << 20;

/// The world outside.
pub type RealWorld = AssembledWorld<AllowedRegistries, KeyFileSigners, StateJournal, SystemClock>;

/// An opened repository with the memory and the reconciler that go with it.
pub struct Session {
    pub config: Arc<Config>,
    pub source: Arc<GitRepository>,
    pub state: Arc<State>,
    pub reconciler: Reconciler<RealWorld, GitRepository>,
    /// For remedies that work for whoever ran this command.
    pub advice: Advice,
}

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
pub fn repository(common: &Common, config: &Config) -> Result<GitRepository, Report> {
    let here = Path::new(".");
    let location = match (&common.repo, &config.git.url) {
        (Some(text), _) => Location::parse(text, here),
        (None, Some(text)) => Location::parse(text, &config.git.base),
        (None, None) => Location::parse(".", here),
    }
    .into_diagnostic()
    .with_exit_code(ExitCode::Invalid)?;
    let options = Options {
        branch: config.git.branch.clone(),
        folder: SubPath::parse(&config.git.folder)
            .into_diagnostic()
            .with_exit_code(ExitCode::Invalid)?,
        limits: config.limits,
    };
    GitRepository::open(&location, options).into_diagnostic()
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
        let config = configuration(common)?;
        let advice = advice::advice(common, &config, Audience::Command);
        let source = Arc::new(repository(common, &config)?);
        let state = State::open(&config.storage.state)
            .into_diagnostic()
            .wrap_err("landfall's memory cannot be opened")?;
        let state = Arc::new(state);
        let world = AssembledWorld {
            registry: connection::registries(&config)?,
            signers: connection::signers(&config)?,
            journal: StateJournal::new(Arc::clone(&state)),
            clock: SystemClock,
        };
        let cache = Arc::new(Cache::open(&config.storage.cache, CACHE_BYTES));
        let defaults = Settings::default();
        let settings = Settings {
            git_url: common
                .repo
                .clone()
                .or_else(|| config.git.url.clone())
                .unwrap_or_else(|| source.path().display().to_string())
                .into(),
            limits: config.limits,
            requests_per_pass: config
                .work
                .requests_per_pass
                .map_or(defaults.requests_per_pass, |requests| requests as u64),
            capabilities: Some(Arc::new(KnownRegistries {
                config: Arc::clone(&config),
                cache: Arc::clone(&cache),
            })),
            verdicts: Some(cache),
            ..defaults
        };
        let reconciler =
            Reconciler::new(Arc::new(world), Arc::clone(&source), Arc::clone(&state), settings).into_diagnostic()?;
        Ok(Self {
            config,
            source,
            state,
            reconciler,
            advice,
        })
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
    pub fn follow(&mut self, commit: CommitId, following: Following) -> Result<ExitCode, Report> {
        let diagnostics = match self.reconciler.follow(commit, following) {
            Ok(_) => self.reconciler.diagnostics(),
            Err(ReconcileError::Invalid { diagnostics, .. }) => diagnostics,
            Err(error @ ReconcileError::Rewritten { .. }) => {
                return Err(miette!(
                    help = format!("{} says so", self.advice.by_hand(&format!("accept {commit}"))),
                    "{error}"
                ))
                .with_exit_code(ExitCode::AccessRefused);
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
        let judged = self.follow(commit, Following::Look)?;
        let watching = Watching::new(terminal);
        let pass = runtime()?
            .block_on(async {
                let stop = stop_on_signals();
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
