//! The files of one project.

use std::sync::Arc;

use crate::model::{CommitId, RepoPath};

use super::manifest_file::ManifestFile;

/// A project's files, from one commit.
#[derive(Debug, Clone, Default)]
pub(super) struct ProjectFiles {
    /// Sorted by path.
    pub files: Vec<Arc<ManifestFile>>,
    /// The older commit that the files are read from, where they do not parse at the head.
    pub from: Option<CommitId>,
    /// The file that is the head's all the same: kpromo's manifest grants, and only the head's may.
    pub kept: Option<RepoPath>,
    broken: bool,
    is_kpromo: bool,
}

impl ProjectFiles {
    /// A project's files of ours, sorted by path.
    pub fn ours(files: Vec<Arc<ManifestFile>>) -> Self {
        Self {
            broken: files.iter().any(|file| file.content.is_none()),
            files,
            ..Self::default()
        }
    }

    /// A project's manifest and list of images.
    pub fn kpromo(files: Vec<Arc<ManifestFile>>) -> Self {
        Self {
            broken: files.iter().any(|file| file.content.is_none()),
            files,
            is_kpromo: true,
            ..Self::default()
        }
    }

    /// The same, as those of an older commit than the head.
    #[must_use]
    pub fn of_older(self, commit: CommitId) -> Self {
        Self {
            from: Some(commit),
            ..self
        }
    }

    /// The same, with one file that is the head's.
    #[must_use]
    pub fn keeping(self, path: RepoPath) -> Self {
        Self {
            kept: Some(path),
            ..self
        }
    }

    /// Whether it is one of kpromo's projects.
    pub fn is_kpromo(&self) -> bool {
        self.is_kpromo
    }

    /// Whether these are the very same reads of the same files.
    pub fn is_same(&self, other: &Self) -> bool {
        self.files.len() == other.files.len() && self.files.iter().zip(&other.files).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Whether a file is read from an older commit than the head.
    pub fn is_older(&self, path: &RepoPath) -> bool {
        self.from.is_some() && self.kept.as_ref() != Some(path)
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }
}
