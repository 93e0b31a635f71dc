//! A desired-state repository in memory: commits without Git.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::model::{BlobId, CommitId, RepoPath, Roots, Tree, TreeFile};
use crate::source::{Change, CommitInfo, Entry, Source, SourceError};

type Files = BTreeMap<RepoPath, TreeFile>;

#[derive(Debug)]
struct Commit {
    parent: Option<CommitId>,
    files: Files,
    time: Timestamp,
}

#[derive(Debug, Default)]
struct Commits {
    by_id: BTreeMap<CommitId, Commit>,
    blobs: BTreeMap<BlobId, TreeFile>,
    head: Option<CommitId>,
}

/// One branch, `main`, and whatever was once on it.
#[derive(Debug, Default)]
pub struct History(Mutex<Commits>);

fn object_id(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0; 20];
    id.copy_from_slice(&hash.finalize()[..20]);
    id
}

impl History {
    fn commits(&self) -> MutexGuard<'_, Commits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits these files, and no others, on top of the head.
    pub fn commit(&self, files: &BTreeMap<String, String>, time: Timestamp) -> CommitId {
        let mut commits = self.commits();
        let files: Files = files
            .iter()
            .map(|(path, text)| {
                let blob = BlobId(object_id(&[text.as_bytes()]));
                let file = TreeFile::Regular {
                    blob,
                    bytes: text.as_bytes().into(),
                };
                commits.blobs.insert(blob, file.clone());
                (RepoPath::from(path.as_str()), file)
            })
            .collect();
        let parent = commits.head;
        let listing = format!("{parent:?} {time} {files:?}");
        let id = CommitId(object_id(&[listing.as_bytes()]));
        commits.by_id.insert(id, Commit { parent, files, time });
        commits.head = Some(id);
        id
    }

    /// Moves the branch, as a forced push does.
    pub fn rewind(&self, to: CommitId) {
        self.commits().head = Some(to);
    }

    fn no_such(commit: CommitId) -> SourceError {
        SourceError::NoSuchCommit {
            repository: PathBuf::from("history"),
            commit,
        }
    }
}

fn entry(file: &TreeFile) -> Option<Entry> {
    match file {
        TreeFile::Regular { blob, .. } => Some(Entry::File(*blob)),
        _ => None,
    }
}

impl Source for History {
    fn branch(&self) -> Result<String, SourceError> {
        Ok("main".to_owned())
    }

    fn head(&self) -> Result<CommitId, SourceError> {
        self.commits().head.ok_or_else(|| SourceError::Unborn {
            repository: PathBuf::from("history"),
            branch: "main".to_owned(),
        })
    }

    fn resolve(&self, revision: &str) -> Result<CommitId, SourceError> {
        match revision {
            "HEAD" | "main" => self.head(),
            _ => revision.parse().map_err(|reason| SourceError::NoSuchRevision {
                repository: PathBuf::from("history"),
                revision: revision.to_owned(),
                reason,
            }),
        }
    }

    fn commit(&self, id: CommitId) -> Result<CommitInfo, SourceError> {
        let commits = self.commits();
        let commit = commits.by_id.get(&id).ok_or_else(|| Self::no_such(id))?;
        Ok(CommitInfo {
            id,
            author: "Simulated Author <author@example.com>".to_owned(),
            time: commit.time,
            summary: "simulated".to_owned(),
        })
    }

    fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
        let commits = self.commits();
        commits
            .by_id
            .get(&of)
            .map(|commit| commit.parent)
            .ok_or_else(|| Self::no_such(of))
    }

    fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError> {
        let commits = self.commits();
        let commit = commits.by_id.get(&at).ok_or_else(|| Self::no_such(at))?;
        Ok(commit.files.get(path).and_then(entry))
    }

    fn tree(&self, at: CommitId, roots: &Roots) -> Result<Tree, SourceError> {
        let commits = self.commits();
        let commit = commits.by_id.get(&at).ok_or_else(|| Self::no_such(at))?;
        let read = commit.files.iter().filter(|(path, _)| roots.reads(path));
        Ok(Tree {
            commit: at,
            files: read.map(|(path, file)| (path.clone(), file.clone())).collect(),
        })
    }

    fn changes(&self, of: CommitId, roots: &Roots) -> Result<Vec<Change>, SourceError> {
        let commits = self.commits();
        let after = commits.by_id.get(&of).ok_or_else(|| Self::no_such(of))?;
        let none = Files::new();
        let before = after
            .parent
            .and_then(|parent| commits.by_id.get(&parent))
            .map_or(&none, |parent| &parent.files);
        let mut paths: Vec<_> = before
            .keys()
            .chain(after.files.keys())
            .filter(|path| roots.reads(path))
            .collect();
        paths.sort();
        paths.dedup();
        Ok(paths
            .into_iter()
            .map(|path| Change {
                path: path.clone(),
                before: before.get(path).and_then(entry),
                after: after.files.get(path).and_then(entry),
            })
            .filter(|change| change.before != change.after)
            .collect())
    }

    fn read(&self, entry: Entry) -> Result<TreeFile, SourceError> {
        let (Entry::File(blob) | Entry::Symlink(blob) | Entry::Submodule(blob)) = entry;
        let commits = self.commits();
        commits
            .blobs
            .get(&blob)
            .cloned()
            .ok_or_else(|| SourceError::MissingObject {
                repository: PathBuf::from("history"),
                kind: "blob",
                object: blob,
            })
    }
}
