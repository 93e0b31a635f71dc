//! A change, held against what it is to be merged into.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use miette::{IntoDiagnostic as _, miette};

use super::kept_ledger::ledger_at;
use super::report::{Comparison, Counts, Head, Report};
use crate::cli::directory::tree_from_directory;
use crate::desired::review::{ClaimChange, Merged, Review, Side, Sides, merge, review};
use crate::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use crate::model::{CommitId, Diagnostic, Tree};
use crate::reconcile::{history, read_tree};
use crate::source::{GitRepository, Location, Options, Source as _, SubPath};

/// Judges what `head` (without one: what lies in `directory`) changes since it and `base` part, as it will be once it
/// is merged into `base`.
///
/// # Errors
/// Where the revisions cannot be found or read, a shallow clone included.
pub fn compare(directory: &Path, base: &str, head: Option<&str>) -> miette::Result<Report> {
    let Place { repository, checkout } = open(directory)?;
    repository.require_whole_history().into_diagnostic()?;
    let base_commit = repository.resolve(base).into_diagnostic()?;
    let head = match head {
        Some(revision) => Head::Commit(repository.resolve(revision).into_diagnostic()?),
        None if checkout => Head::WorkTree(repository.head().into_diagnostic()?),
        None => Head::Commit(repository.head().into_diagnostic()?),
    };
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
        })?;

    let (ledger, trees) = thread::scope(|scope| {
        let ledger = scope.spawn(|| ledger_at(&repository, base_commit));
        let trees = read_trees(&repository, directory, [ancestor, base_commit], head);
        (ledger.join().unwrap_or_else(|panic| resume_unwind(panic)), trees)
    });
    let (ledger, [ancestor_tree, base_tree, head_tree]) = (ledger.into_diagnostic()?, trees?);
    let merged = merge(&Sides {
        ancestor: &ancestor_tree,
        base: &base_tree,
        head: &head_tree,
    });
    let judged = judge(&repository, base_commit, &merged, &ledger)?;
    Ok(Report {
        tree: head_tree,
        folder: repository.folder().as_str().to_owned(),
        diagnostics: judged.diagnostics,
        counts: judged.counts,
        comparison: Some(Comparison {
            revision: base.to_owned(),
            base: base_commit,
            ancestor,
            head,
            begins: judged.begins,
            changes: judged.changes,
            standing: judged.standing,
        }),
    })
}

/// The files where the change began, of the base, and of the change.
fn read_trees(
    repository: &GitRepository,
    directory: &Path,
    [ancestor, base]: [CommitId; 2],
    head: Head,
) -> miette::Result<[Tree; 3]> {
    let head_tree = match head {
        Head::Commit(commit) => read_tree(repository, commit).into_diagnostic()?,
        Head::WorkTree(_) => {
            let tree = tree_from_directory(directory).into_diagnostic()?;
            repository.remember(&tree);
            tree
        }
    };
    let base_tree = read_tree(repository, base).into_diagnostic()?;
    let ancestor_tree = if ancestor == base {
        base_tree.clone()
    } else {
        read_tree(repository, ancestor).into_diagnostic()?
    };
    Ok([ancestor_tree, base_tree, head_tree])
}

struct Place {
    repository: GitRepository,
    /// The directory's files are there to look at, not only the repository's objects.
    checkout: bool,
}

/// The repository that a directory lies in, or is.
fn open(directory: &Path) -> miette::Result<Place> {
    let directory = std::fs::canonicalize(directory)
        .into_diagnostic()
        .map_err(|error| error.wrap_err(format!("cannot read {}", directory.display())))?;
    let root = directory.ancestors().find(|above| above.join(".git").exists());
    let (location, folder) = match root {
        Some(root) => (root.to_owned(), below(&directory, root)?),
        None => (directory.clone(), SubPath::default()),
    };
    let options = Options {
        folder,
        ..Options::default()
    };
    Ok(Place {
        repository: GitRepository::open(&Location::from(location), options).into_diagnostic()?,
        checkout: root.is_some(),
    })
}

fn below(directory: &Path, root: &Path) -> miette::Result<SubPath> {
    let path: PathBuf = directory.strip_prefix(root).into_diagnostic()?.to_owned();
    let segments: Option<Vec<&str>> = path.iter().map(|segment| segment.to_str()).collect();
    let segments = segments.ok_or_else(|| miette!("the name of {} is not UTF-8", directory.display()))?;
    SubPath::parse(&segments.join("/")).into_diagnostic()
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
