//! A change, held against what it is to be merged into.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use miette::{IntoDiagnostic as _, miette};

use super::kept_ledger::ledger_at;
use super::place::{Judged as Change, Place, work_tree};
use super::report::{Comparison, Counts, Head, History, Report};
use crate::cli::{ExitCode, WithExitCode as _};
use crate::desired::review::{ClaimChange, Merged, Review, Side, Sides, merge, review};
use crate::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use crate::model::{CommitId, Diagnostic, Tree};
use crate::reconcile::{history, read_tree};
use crate::source::{GitRepository, Source as _, SourceError};

/// Judges what `head` (without one: what lies in the directory) changes since it and `base` part, as it will be once it
/// is merged into `base`.
///
/// # Errors
/// Where the revisions cannot be found or read, a shallow clone included.
pub fn compare(place: Place, base: &str, head: Option<&str>) -> miette::Result<Report> {
    let Place {
        directory,
        repository,
        is_checkout,
    } = place;
    let repository = repository
        .ok_or_else(|| {
            miette!(
                help = "name a directory of the repository that the base is a revision of; `git init` there makes one",
                "{} lies in no Git repository, with whose revisions it could be compared",
                directory.display()
            )
        })
        .with_exit_code(ExitCode::Invalid)?;
    let revisions = || -> Result<_, SourceError> {
        repository.require_whole_history()?;
        let base = repository.resolve(base)?;
        let head = match head {
            Some(revision) => Head::Commit(repository.resolve(revision)?),
            None if is_checkout => Head::WorkTree(repository.head()?),
            None => Head::Commit(repository.head()?),
        };
        Ok((base, head))
    };
    let (base_commit, head) = revisions().into_diagnostic().with_exit_code(ExitCode::Invalid)?;
    let (Head::Commit(tip) | Head::WorkTree(tip)) = head;
    let ancestor = repository
        .merge_base(base_commit, tip)
        .into_diagnostic()?
        .ok_or_else(|| {
            miette!(
                help = "check that both are branches of the same repository",
                "{base} and {} have no commit in common",
                tip.short()
            )
        })
        .with_exit_code(ExitCode::Invalid)?;

    let (ledger, trees) = thread::scope(|scope| {
        let ledger = scope.spawn(|| ledger_at(&repository, base_commit));
        let trees = read_trees(&repository, &directory, [ancestor, base_commit], head);
        (ledger.join().unwrap_or_else(|panic| resume_unwind(panic)), trees)
    });
    let (ledger, (change, [ancestor_tree, base_tree])) = (ledger.into_diagnostic()?, trees?);
    let merged = merge(&Sides {
        ancestor: &ancestor_tree,
        base: &base_tree,
        head: &change.tree,
    });
    let judged = judge(&repository, base_commit, &merged, &ledger)?;
    let mut diagnostics = [change.remarks, judged.diagnostics].concat();
    diagnostics.sort();
    Ok(Report {
        tree: change.tree,
        folder: repository.folder().as_str().to_owned(),
        diagnostics,
        counts: judged.counts,
        head: Some(head),
        uncommitted: change.uncommitted,
        history: History::Of(base_commit),
        comparison: Some(Comparison {
            revision: base.to_owned(),
            base: base_commit,
            ancestor,
            begins: judged.begins,
            changes: judged.changes,
            standing: judged.standing,
        }),
    })
}

/// The files of the change; and where it began, and of the base.
fn read_trees(
    repository: &GitRepository,
    directory: &Path,
    [ancestor, base]: [CommitId; 2],
    head: Head,
) -> miette::Result<(Change, [Tree; 2])> {
    let change = match head {
        Head::Commit(commit) => Change {
            tree: read_tree(repository, commit).into_diagnostic()?,
            remarks: Vec::new(),
            uncommitted: 0,
        },
        Head::WorkTree(commit) => work_tree(directory, repository, Some(commit))?,
    };
    let base_tree = read_tree(repository, base).into_diagnostic()?;
    let ancestor_tree = if ancestor == base {
        base_tree.clone()
    } else {
        read_tree(repository, ancestor).into_diagnostic()?
    };
    Ok((change, [ancestor_tree, base_tree]))
}

struct Judged {
    diagnostics: Vec<Diagnostic>,
    counts: Counts,
    begins: bool,
    changes: Vec<ClaimChange>,
    standing: usize,
}

/// Reads the base as the daemon does, and the merge as it would.
fn judge(repository: &GitRepository, base: CommitId, merged: &Merged, ledger: &Ledger) -> miette::Result<Judged> {
    let mut cache = ParseCache::default();
    let accepted = Accepted { ledger };
    let before = match parse(&merged.before, &mut cache) {
        Err(_) => None,
        Ok(mut parsed) => {
            history::replace_broken_projects(repository, base, &mut parsed, &mut cache).into_diagnostic()?;
            let resolved = resolve(&parsed, &accepted, None);
            Some((parsed, resolved))
        }
    };
    let begins = before.is_none();
    let parsed = match parse(&merged.after, &mut cache) {
        Ok(parsed) => parsed,
        Err(mut diagnostics) => {
            merged.to_head(&mut diagnostics);
            return Ok(Judged {
                diagnostics,
                counts: Counts::default(),
                begins,
                changes: Vec::new(),
                standing: 0,
            });
        }
    };
    let resolved = resolve(&parsed, &accepted, before.as_ref().map(|(_, resolved)| resolved));
    let before = before.as_ref().map(|(parsed, resolved)| Side { parsed, resolved });
    let after = Side {
        parsed: &parsed,
        resolved: &resolved,
    };
    let Review {
        diagnostics,
        changes,
        standing,
    } = review(merged, before.as_ref(), &after, ledger);
    Ok(Judged {
        diagnostics,
        counts: Counts::of(&resolved),
        begins,
        changes,
        standing,
    })
}
