//! Histories for this module's tests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::author::{self, Identity, Layout, NewCommit, Parents};
use super::{GitRepository, Options};
use crate::model::CommitId;

pub(super) const AUTHOR: Identity<'static> = Identity {
    name: "A. Author",
    mail: "author@example.com",
};

/// A repository in a temporary folder, with a clock of its own: a minute from commit to commit.
pub(super) struct History {
    folder: TempDir,
    now: Cell<Timestamp>,
}

impl History {
    pub fn new() -> Self {
        Self::with_layout(Layout::Bare)
    }

    pub fn with_layout(layout: Layout) -> Self {
        let folder = TempDir::new().unwrap();
        author::init(&folder.path().join("repository"), layout, "main").unwrap();
        Self {
            folder,
            now: Cell::new("2026-01-01T00:00:00Z".parse().unwrap()),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn open(&self) -> GitRepository {
        self.open_with(Options::default())
    }

    pub fn open_with(&self, options: Options) -> GitRepository {
        GitRepository::open(&self.path(), options).unwrap()
    }

    pub fn gix(&self) -> gix::Repository {
        gix::open::Options::isolated()
            .open(self.path())
            .unwrap()
            .to_thread_local()
    }

    pub fn commit(&self, files: &[(&str, &str)]) -> CommitId {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        self.commit_bytes(&files)
    }

    pub fn commit_bytes(&self, files: &[(&str, &[u8])]) -> CommitId {
        self.commit_on("main", Parents::Tip, files, &[])
    }

    pub fn remove(&self, paths: &[&str]) -> CommitId {
        self.commit_on("main", Parents::Tip, &[], paths)
    }

    pub fn commit_on(&self, branch: &str, parents: Parents<'_>, files: &[(&str, &[u8])], remove: &[&str]) -> CommitId {
        self.now.set(self.now.get() + SignedDuration::from_mins(1));
        let write: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect();
        NewCommit {
            branch,
            parents,
            write: &write,
            remove,
            message: "Change promotions\n\nAt length.\n",
            author: AUTHOR,
            time: self.now.get(),
        }
        .write_to(&self.path())
        .unwrap()
    }
}
