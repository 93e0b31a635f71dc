//! What was found.

use crate::desired::review::ClaimChange;
use crate::desired::{Accepted, Ledger, ParseCache, Parsed, Resolved, parse, resolve};
use crate::model::{CommitId, Diagnostic, Severity, Tree};

/// What is wrong with a tree or a change, what has to be looked at, and how much there is.
#[derive(Debug)]
pub struct Report {
    /// What was judged: findings speak of its lines.
    pub tree: Tree,
    /// Where `tree` stands in its repository, `/`-separated; empty for the repository's root, or where there is none.
    pub folder: String,
    /// Sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    pub counts: Counts,
    /// What was judged, where it lies in a repository that has commits.
    pub head: Option<Head>,
    /// Files of the work tree that differ from the commit which it stands on: `apply` reads commits.
    pub uncommitted: usize,
    pub history: History,
    pub comparison: Option<Comparison>,
}

/// What was looked at to tell which digest a tag is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The first parents of this commit, and itself.
    Of(CommitId),
    /// There is no repository.
    NoRepository,
    /// There is no commit.
    NothingCommitted,
    /// The clone does not hold it.
    Shallow,
}

impl History {
    /// Why history was not looked at.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Of(_) => None,
            Self::NoRepository => Some("the directory lies in no Git repository"),
            Self::NothingCommitted => Some("nothing is committed yet"),
            Self::Shallow => {
                Some("this is a shallow clone: check out with `fetch-depth: 0`, or run `git fetch --unshallow`")
            }
        }
    }
}

/// How much there is; nothing where landfall.toml cannot be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub targets: usize,
    pub projects: usize,
    pub claims: usize,
}

/// What was compared, and what the change does.
#[derive(Debug)]
pub struct Comparison {
    /// As it was asked for.
    pub revision: String,
    pub base: CommitId,
    /// Where the change began.
    pub ancestor: CommitId,
    /// The base has no valid landfall.toml, so that nothing can be held against it.
    pub begins: bool,
    /// Sorted by target, project and reference.
    pub changes: Vec<ClaimChange>,
    /// How much is wrong at the base already, in files that the change does not touch: that is not shown.
    pub standing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Commit(CommitId),
    /// What lies on disk, as a commit of all of it would be; it stands on this commit.
    WorkTree(CommitId),
}

impl Report {
    /// Checks a tree that lies in no repository against what `ledger` says.
    #[must_use]
    pub fn of(tree: Tree, ledger: &Ledger) -> Self {
        let (diagnostics, counts) = match parse(&tree, &mut ParseCache::default()) {
            Err(diagnostics) => (diagnostics, Counts::default()),
            Ok(parsed) => {
                let resolved = resolve(&parsed, &Accepted { ledger }, None);
                (diagnostics(&parsed, &resolved), Counts::of(&resolved))
            }
        };
        Self {
            tree,
            folder: String::new(),
            diagnostics,
            counts,
            head: None,
            uncommitted: 0,
            history: History::NoRepository,
            comparison: None,
        }
    }

    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    }

    /// Where a finding is in the repository.
    #[must_use]
    pub fn path(&self, diagnostic: &Diagnostic) -> String {
        match &*self.folder {
            "" => diagnostic.file.to_string(),
            folder => format!("{folder}/{}", diagnostic.file),
        }
    }
}

impl Counts {
    #[must_use]
    pub fn of(resolved: &Resolved) -> Self {
        let desired = &resolved.desired;
        Self {
            targets: desired.targets.len(),
            projects: desired.projects.len(),
            claims: desired.projects.iter().map(|project| project.claims.len()).sum(),
        }
    }
}

/// What is wrong with files and with claims, sorted by place.
fn diagnostics(parsed: &Parsed, resolved: &Resolved) -> Vec<Diagnostic> {
    let mut diagnostics = [parsed.diagnostics(), &resolved.diagnostics].concat();
    diagnostics.sort();
    diagnostics
}
