//! The repository that is followed: on this machine, or elsewhere with a clone here.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Change, CommitInfo, Entry, GitRepository, Remote, Source, SourceError, Visitor};
use crate::model::{CommitId, RepoPath, Roots, Tree, TreeFile};

/// A repository wherever it is.
#[derive(Clone)]
pub enum Repository {
    Local(Arc<GitRepository>),
    Remote(Arc<Remote>),
}

impl Repository {
    /// Its path, or its URL.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Local(repository) => repository.path().display().to_string(),
            Self::Remote(remote) => remote.url().to_string(),
        }
    }

    #[must_use]
    pub fn remote(&self) -> Option<&Arc<Remote>> {
        match self {
            Self::Local(_) => None,
            Self::Remote(remote) => Some(remote),
        }
    }

    /// What is on this machine of it.
    ///
    /// # Errors
    /// Where nothing of a remote one is here yet: why.
    pub fn here(&self) -> Result<Arc<GitRepository>, SourceError> {
        match self {
            Self::Local(repository) => Ok(Arc::clone(repository)),
            Self::Remote(remote) => remote.repository(),
        }
    }

    /// The folder that holds `refs/` and `objects/`.
    ///
    /// # Errors
    /// As [`Self::here`].
    pub fn common_dir(&self) -> Result<PathBuf, SourceError> {
        Ok(self.here()?.common_dir())
    }

    fn read<T>(&self, read: impl FnOnce(&GitRepository) -> Result<T, SourceError>) -> Result<T, SourceError> {
        match self {
            Self::Local(repository) => read(repository),
            Self::Remote(remote) => remote.noted(read(&*remote.repository()?)),
        }
    }
}

impl Source for Repository {
    fn branch(&self) -> Result<String, SourceError> {
        self.read(GitRepository::branch)
    }

    /// Where the last look at a remote repository failed, so does this: the commit that is here need not be the newest.
    fn head(&self) -> Result<CommitId, SourceError> {
        if let Self::Remote(remote) = self
            && let Some(fault) = remote.fault()
        {
            return Err(SourceError::Remote(Box::new(fault)));
        }
        self.read(GitRepository::head)
    }

    fn resolve(&self, revision: &str) -> Result<CommitId, SourceError> {
        self.read(|repository| repository.resolve(revision))
    }

    fn commit(&self, id: CommitId) -> Result<CommitInfo, SourceError> {
        self.read(|repository| repository.commit(id))
    }

    fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
        self.read(|repository| repository.first_parent(of))
    }

    fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError> {
        self.read(|repository| repository.entry(at, path))
    }

    fn tree(&self, at: CommitId, roots: &Roots) -> Result<Tree, SourceError> {
        self.read(|repository| repository.tree(at, roots))
    }

    fn changes(&self, of: CommitId, roots: &Roots) -> Result<Vec<Change>, SourceError> {
        self.read(|repository| repository.changes(of, roots))
    }

    fn read(&self, entry: Entry) -> Result<TreeFile, SourceError> {
        Self::read(self, |repository| repository.read(entry))
    }

    fn replay(
        &self,
        head: CommitId,
        until: Option<CommitId>,
        roots: &dyn Fn(&TreeFile) -> Roots,
        visit: &mut Visitor<'_>,
    ) -> Result<(), SourceError> {
        self.read(|repository| repository.replay(head, until, roots, visit))
    }
}
