//! What the rest of landfall asks of Git.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::SourceError;
use super::replay::{Changed, Visitor};
use crate::model::{BlobId, CommitId, Reads, RepoPath, Roots, Tree, TreeFile};

/// How the head of a branch stands to a commit that was accepted earlier, along first parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Same,
    /// The head came after: the accepted commit is among its first parents.
    FastForward,
    /// The head is one of the accepted commit's first parents: the branch was taken back.
    Behind,
    /// Neither: the branch was rewritten, or the accepted commit came in through a merge's other parent.
    Diverged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    pub id: CommitId,
    /// `Name <mail address>`, without control characters.
    pub author: String,
    /// When it was committed (not when it was written).
    pub time: Timestamp,
    /// The first line of the message, without control characters.
    pub summary: String,
}

/// What stands at a path in a commit, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    File(BlobId),
    Symlink(BlobId),
    /// Another repository, by the commit of it that is wanted.
    Submodule(BlobId),
}

/// A path at which a commit differs from its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub path: RepoPath,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

/// A desired-state repository at one branch. Paths are relative to the configured folder within it. Calls block: they
/// read from disk.
pub trait Source: Send + Sync + 'static {
    /// The branch that is followed: the configured one, else the one `HEAD` points to, else (detached) `HEAD`.
    fn branch(&self) -> Result<String, SourceError>;

    /// The newest commit of [`Self::branch`].
    fn head(&self) -> Result<CommitId, SourceError>;

    /// The commit that a revision names, in git-rev-parse's notation.
    fn resolve(&self, revision: &str) -> Result<CommitId, SourceError>;

    fn commit(&self, id: CommitId) -> Result<CommitInfo, SourceError>;

    /// The first parent; `None` for a root commit. [`SourceError::Shallow`] where the clone ends but history does not.
    fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError>;

    /// What stands at one path, unread; `None` where there is no file and no link.
    fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError>;

    /// The files of a commit that landfall reads. Where a part of it exceeds the limits, [`TreeFile::Excessive`] stands
    /// for all of that part.
    fn tree(&self, at: CommitId, roots: &Roots) -> Result<Tree, SourceError>;

    /// Where a commit differs from its first parent, within what landfall reads; for a root commit, all it holds.
    /// Sorted by path. What exceeds the limits before or after is left out.
    fn changes(&self, of: CommitId, roots: &Roots) -> Result<Vec<Change>, SourceError>;

    /// Reads what [`Self::entry`] and [`Self::changes`] named.
    fn read(&self, entry: Entry) -> Result<TreeFile, SourceError>;

    /// Reads what [`Self::entry`] and [`Self::changes`] named at this path, as [`Self::tree`] would.
    fn read_at(&self, path: &RepoPath, entry: Entry) -> Result<TreeFile, SourceError> {
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        match entry {
            Entry::File(_) if !Reads::at(path.as_str()).hold(name) => Ok(TreeFile::Other),
            entry => self.read(entry),
        }
    }

    /// Visits the commits of [`Self::first_parents`], oldest first, with what each changed: for those that follow
    /// history, far cheaper than asking commit by commit. `roots` says what a landfall.toml names; what a commit begins
    /// to read has changed, and what it no longer reads is gone. Ends with the first error, also one of `visit`.
    fn replay(
        &self,
        head: CommitId,
        until: Option<CommitId>,
        roots: &dyn Fn(&TreeFile) -> Roots,
        visit: &mut Visitor<'_>,
    ) -> Result<(), SourceError> {
        let landfall = RepoPath::from(Roots::FILE);
        let roots_at = |commit: CommitId| -> Result<Roots, SourceError> {
            let file = self
                .entry(commit, &landfall)?
                .map(|entry| self.read(entry))
                .transpose()?;
            Ok(file.as_ref().map(roots).unwrap_or_default())
        };
        let mut before = (until, until.map(roots_at).transpose()?.unwrap_or_default());
        for commit in self.first_parents(head, until)?.into_iter().rev() {
            let after = roots_at(commit)?;
            let mut changed: BTreeMap<RepoPath, Option<TreeFile>> = BTreeMap::new();
            for change in self.changes(commit, &after)? {
                let file = change
                    .after
                    .map(|entry| self.read_at(&change.path, entry))
                    .transpose()?;
                changed.insert(change.path, file);
            }
            if before.1 != after {
                if let Some(parent) = before.0 {
                    let gone = self.tree(parent, &before.1)?.files.into_keys();
                    changed.extend(gone.filter(|path| !after.reads(path)).map(|path| (path, None)));
                }
                let read = self.tree(commit, &after)?.files.into_iter();
                let new = read.filter(|(path, _)| !before.1.reads(path));
                changed.extend(new.map(|(path, file)| (path, Some(file))));
            }
            visit(commit, changed.into_iter().collect::<Vec<Changed>>())?;
            before = (Some(commit), after);
        }
        Ok(())
    }

    /// `from` and its first parents, newest first, down to but without `until`; without one, down to the root.
    /// [`SourceError::NotInHistory`] where `until` is not among them.
    fn first_parents(&self, from: CommitId, until: Option<CommitId>) -> Result<Vec<CommitId>, SourceError> {
        let mut commits = Vec::new();
        let mut next = Some(from);
        while let Some(commit) = next {
            if Some(commit) == until {
                return Ok(commits);
            }
            commits.push(commit);
            next = self.first_parent(commit)?;
        }
        match until {
            None => Ok(commits),
            Some(until) => Err(SourceError::NotInHistory { from, until }),
        }
    }

    /// How `head` stands to `accepted`. An accepted commit that the repository no longer has was rewritten away.
    fn relation(&self, accepted: CommitId, head: CommitId) -> Result<Relation, SourceError> {
        if accepted == head {
            return Ok(Relation::Same);
        }
        let mut newer = HashSet::from([head]);
        let mut next = self.first_parent(head)?;
        while let Some(commit) = next {
            if commit == accepted {
                return Ok(Relation::FastForward);
            }
            newer.insert(commit);
            next = self.first_parent(commit)?;
        }
        let mut next = match self.first_parent(accepted) {
            Err(SourceError::NoSuchCommit { .. }) => return Ok(Relation::Diverged),
            parent => parent?,
        };
        while let Some(commit) = next {
            if commit == head {
                return Ok(Relation::Behind);
            }
            // Where the two lines meet below the head, the rest of them is the same.
            if newer.contains(&commit) {
                return Ok(Relation::Diverged);
            }
            next = self.first_parent(commit)?;
        }
        Ok(Relation::Diverged)
    }
}
