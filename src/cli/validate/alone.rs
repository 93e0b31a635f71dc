//! Manifests as they stand, judged as `apply` would.

use miette::{IntoDiagnostic as _, miette};

use super::kept_ledger::ledger_at;
use super::place::{Judged, Place, work_tree};
use super::report::{Counts, Head, History, Report};
use crate::cli::directory::tree_from_directory;
use crate::cli::{ExitCode, WithExitCode as _};
use crate::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use crate::model::{CommitId, Diagnostic};
use crate::reconcile::{history, read_tree};
use crate::source::{GitRepository, Source as _, SourceError};

/// Judges a commit or, where none is named, what lies in the directory: as a commit of it would be.
///
/// # Errors
/// Where the directory or the repository cannot be read, or there is no such revision.
pub(super) fn judge(place: Place, revision: Option<&str>) -> miette::Result<Report> {
    let Place {
        directory,
        repository,
        is_checkout,
    } = place;
    let Some(repository) = repository else {
        if revision.is_some() {
            return Err(miette!(
                help = "leave `--revision` out, or name the folder that holds `.git`",
                "{} lies in no Git repository, which could hold a revision",
                directory.display()
            ))
            .with_exit_code(ExitCode::Invalid);
        }
        let tree = tree_from_directory(&directory)
            .into_diagnostic()
            .with_exit_code(ExitCode::Invalid)?;
        return Ok(Report::of(tree, &Ledger::default()));
    };
    let newest = match revision {
        Some(revision) => Some(repository.resolve(revision)),
        None => match repository.head() {
            Err(SourceError::Unborn { .. }) if is_checkout => None,
            head => Some(head),
        },
    };
    let newest = newest.transpose().into_diagnostic().with_exit_code(ExitCode::Invalid)?;
    let (judged, head) = match newest {
        Some(commit) if revision.is_some() || !is_checkout => {
            (committed(&repository, commit)?, Some(Head::Commit(commit)))
        }
        newest => (work_tree(&directory, &repository, newest)?, newest.map(Head::WorkTree)),
    };
    let (history, ledger) = history_of(&repository, newest)?;
    let (diagnostics, counts) = findings(&repository, &judged, head, &ledger)?;
    Ok(Report {
        tree: judged.tree,
        folder: repository.folder().as_str().to_owned(),
        diagnostics,
        counts,
        head,
        uncommitted: judged.uncommitted,
        history,
        comparison: None,
    })
}

fn committed(repository: &GitRepository, commit: CommitId) -> miette::Result<Judged> {
    Ok(Judged {
        tree: read_tree(repository, commit).into_diagnostic()?,
        remarks: Vec::new(),
        uncommitted: 0,
    })
}

/// What history binds tags to, as far as there is a history to look at.
fn history_of(repository: &GitRepository, newest: Option<CommitId>) -> miette::Result<(History, Ledger)> {
    let Some(newest) = newest else {
        return Ok((History::NothingCommitted, Ledger::default()));
    };
    match repository.require_whole_history() {
        Err(SourceError::Shallow { .. }) => Ok((History::Shallow, Ledger::default())),
        Err(error) => Err(error).into_diagnostic(),
        Ok(()) => Ok((History::Of(newest), ledger_at(repository, newest).into_diagnostic()?)),
    }
}

/// What is wrong, and how much there is. A project that cannot be read is read from the newest commit at which it can
/// be, as the daemon does.
fn findings(
    repository: &GitRepository,
    judged: &Judged,
    head: Option<Head>,
    ledger: &Ledger,
) -> miette::Result<(Vec<Diagnostic>, Counts)> {
    let mut cache = ParseCache::default();
    let mut found = judged.remarks.clone();
    let counts = match parse(&judged.tree, &mut cache) {
        Err(diagnostics) => {
            found.extend(diagnostics);
            Counts::default()
        }
        Ok(mut parsed) => {
            let newest = match head {
                None => None,
                Some(Head::WorkTree(commit)) => Some(commit),
                Some(Head::Commit(commit)) => match repository.first_parent(commit) {
                    Err(SourceError::Shallow { .. }) => None,
                    parent => parent.into_diagnostic()?,
                },
            };
            history::replace_from(repository, newest, &mut parsed, &mut cache).into_diagnostic()?;
            let resolved = resolve(&parsed, &Accepted { ledger }, None);
            found.extend_from_slice(parsed.diagnostics());
            found.extend_from_slice(&resolved.diagnostics);
            Counts::of(&resolved)
        }
    };
    found.sort();
    Ok((found, counts))
}
