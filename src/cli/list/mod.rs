//! `landfall list`: what is asked for, now or at an earlier time.

mod commit;
mod listing;
mod write;

use std::io::Write;

use globset::Glob;
use miette::{IntoDiagnostic as _, Report, miette};

pub(super) use commit::commit_at;
use listing::{Listing, Selection};

use super::arguments::WrittenFormat;
use super::exit_code::Ended as _;
use super::session::configuration;
use super::validate::ledger_at;
use super::{Common, ErrorOutput, ExitCode, WithExitCode as _};
use crate::assembly::{Opening, repository};
use crate::desired::Resolved;
use crate::model::{CommitId, counted};
use crate::reconcile::{ReconcileError, history};
use crate::source::{GitRepository, Source as _};

/// List what is asked for: which digest under which tag, at which target
///
/// Reads Git alone, as `apply` would: claims that are held back are left out, and counted on standard error. The formats
/// are `text`, `json`, `csv` and `digests`: one `REFERENCE@DIGEST` a line, each once.
#[derive(Debug, clap::Args)]
pub struct ListCommand {
    /// What was asked for then: a revision, a date (`2026-11-01`, its end), a time, or `14 days ago`
    #[arg(long, value_name = "REV|DATE", conflicts_with = "revision")]
    at: Option<String>,

    /// Only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Only this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Only repository paths below a target that match this glob
    #[arg(long, value_name = "GLOB")]
    repository: Option<Glob>,

    /// Write each image as it is called at this endpoint: `primary`, or a mirror's name [default: its public reference]
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
}

impl ListCommand {
    /// # Errors
    /// Where the repository cannot be read, its commit is refused, or what is named is not there.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let at = self.at.as_deref().or(common.revision.as_deref());
        // A date is found in the branch's history; only a commit's full id may be of something else.
        let elsewhere = at.filter(|at| common.revision.is_some() || at.parse::<CommitId>().is_ok());
        let opening = Opening::Once(elsewhere.as_slice());
        let source = repository(common.repo.as_deref(), &config, opening).ended()?;
        let source = source.here().ended()?;
        let commit = commit_at(&source, at)?;
        let resolved = asked_for(&source, commit)?;
        let selection = Selection {
            target: self.target,
            project: self.project,
            repository: self.repository.map(|glob| glob.compile_matcher()),
            endpoint: self.endpoint,
        };
        let info = source.commit(commit).ended()?;
        let listing = Listing::new(&resolved, &info, &selection)
            .map_err(|unknown| miette!(help = unknown.help, "{}", unknown.what))
            .with_exit_code(ExitCode::Invalid)?;
        if !resolved.held.is_empty() {
            ErrorOutput::say(&format!(
                "note: not listed: {} of commit {} that errors in the manifests hold back; `landfall validate` tells why",
                counted(resolved.held.len(), "claim"),
                commit.short()
            ));
        }
        match common.written {
            WrittenFormat::Json => write::json(&listing, output),
            WrittenFormat::Csv => write::csv(&listing, output),
            WrittenFormat::Digests => write::digests(&listing, output),
            _ => write::text(&listing, output),
        }
        .into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }
}

/// What a commit asks for, judged by its history.
///
/// # Errors
/// Where Git cannot be read, or the commit is refused.
pub(super) fn asked_for(source: &GitRepository, commit: CommitId) -> Result<Resolved, Report> {
    let ledger = ledger_at(source, commit).ended()?;
    match history::resolve(source, commit, &ledger) {
        Err(ReconcileError::Invalid { diagnostics, .. }) => {
            let first = diagnostics.first().map(ToString::to_string).unwrap_or_default();
            Err(miette!(
                help = "`landfall validate` shows them all",
                "commit {} is refused: {first}",
                commit.short()
            ))
            .with_exit_code(ExitCode::Invalid)
        }
        Err(ReconcileError::Source(error)) => Err(error).ended(),
        result => result.into_diagnostic(),
    }
}
