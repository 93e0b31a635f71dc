//! The bare clone of a remote repository. All of it may be deleted at any time: it is made again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::Fault;
use crate::model::CommitId;
use crate::source::author::{self, Layout};
use crate::source::object::{object_id, reason};
use crate::source::repository::isolated;

/// Where a clone lies, whether or not it is there.
#[derive(Debug, Clone)]
pub(super) struct CloneOnDisk {
    path: PathBuf,
}

/// Held by whoever changes a clone; other processes wait for it.
pub(super) struct Lock {
    _file: File,
}

/// More packs than this, or as many objects outside of packs, make a clone slow: it is made anew, in one pack.
const MOST_PACKS: usize = 50;
const MOST_LOOSE: usize = 50_000;

/// A file in the clone.
const DEFAULT_BRANCH: &str = "landfall-default-branch";

/// How far back commits are named that are here already.
const NAMED_BACK: usize = 1 << 10;

impl CloneOnDisk {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.path.with_extension(ending)
    }

    /// Waits until no other process changes the clone.
    pub fn lock(&self) -> Result<Lock, Fault> {
        let file = self.beside("lock");
        let open = || {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            let open = File::options().create(true).truncate(false).write(true).open(&file)?;
            open.lock()?;
            Ok(open)
        };
        open()
            .map(|file| Lock { _file: file })
            .map_err(|error| self.disk_error(&error))
    }

    /// Whether there is a clone that can be relied on.
    pub fn is_usable(&self) -> bool {
        !self.mark().exists() && self.open().is_ok_and(|repository| has_readable_tips(&repository))
    }

    fn mark(&self) -> PathBuf {
        self.path.join("landfall-damaged")
    }

    /// Has the next look make it anew, whichever process that is.
    pub fn mark_damaged(&self) {
        if let Err(error) = File::create(self.mark()) {
            tracing::warn!(clone = %self.path.display(), %error, "a damaged clone cannot be marked as such: delete it");
        }
    }

    /// Whether so much has come in pieces that one pack of all of it would be better.
    pub fn is_scattered(&self) -> bool {
        let count = |folder: &str, ending: &str| {
            let entries = fs::read_dir(self.path.join("objects").join(folder));
            entries.map_or(0, |entries| {
                let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
                names.filter(|name| name.to_string_lossy().ends_with(ending)).count()
            })
        };
        // Ids are spread evenly, so that one folder of 256 tells of all of them.
        count("pack", ".idx") > MOST_PACKS || count("17", "") * 256 > MOST_LOOSE
    }

    /// An empty clone, beside this one, to take its place once it holds everything.
    pub fn fresh(&self) -> Result<Self, Fault> {
        let fresh = Self::new(self.beside("new"));
        fresh.remove()?;
        author::init(&fresh.path, Layout::Bare, "main").map_err(|error| fresh.disk(error.to_string()))?;
        Ok(fresh)
    }

    /// Takes the place of another.
    pub fn replace(self, other: &Self) -> Result<(), Fault> {
        let former = Self::new(other.beside("old"));
        former.remove()?;
        let renamed = match fs::rename(&other.path, &former.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&self.path, &other.path),
        };
        renamed.map_err(|error| self.disk_error(&error))?;
        former.remove()
    }

    fn remove(&self) -> Result<(), Fault> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.disk_error(&error)),
            _ => Ok(()),
        }
    }

    pub fn open(&self) -> Result<gix::Repository, Fault> {
        isolated()
            .open(&self.path)
            .map(|repository| repository.to_thread_local())
            .map_err(|error| self.disk(reason(&error)))
    }

    /// The branch that HEAD pointed to at the host, when it was last asked.
    pub fn default_branch(&self) -> Option<String> {
        fs::read_to_string(self.path.join(DEFAULT_BRANCH)).ok()
    }

    pub fn note_default_branch(&self, branch: &str) -> Result<(), Fault> {
        if self.default_branch().as_deref() == Some(branch) {
            return Ok(());
        }
        fs::write(self.path.join(DEFAULT_BRANCH), branch).map_err(|error| self.disk_error(&error))
    }

    /// Where a branch stands here.
    pub fn tip(&self, branch: &str) -> Option<ObjectId> {
        let repository = self.open().ok()?;
        let mut reference = repository.try_find_reference(&format!("refs/heads/{branch}")).ok()??;
        let id = reference.peel_to_id().ok()?.detach();
        repository.has_object(id).then_some(id)
    }

    pub fn holds(&self, commit: CommitId) -> bool {
        self.open()
            .is_ok_and(|repository| repository.has_object(object_id(commit.0)))
    }

    /// Points a branch at a commit.
    pub fn point(&self, branch: &str, to: CommitId) -> Result<(), Fault> {
        author::move_branch(&self.path, branch, to).map_err(|error| {
            // Such as a branch `a` where now is `a/b`.
            self.mark_damaged();
            Fault::Damaged {
                reason: error.to_string(),
            }
        })
    }

    /// Commits that the other side need not send again: every branch, and further and further back from it.
    pub fn haves(&self) -> Vec<ObjectId> {
        let Ok(repository) = self.open() else {
            return Vec::new();
        };
        let mut haves = Vec::new();
        let references = repository.references();
        let Some(tips) = references
            .as_ref()
            .ok()
            .and_then(|references| references.prefixed("refs/heads/").ok())
        else {
            return Vec::new();
        };
        for tip in tips.filter_map(Result::ok) {
            let Some(mut commit) = tip.target().try_id().map(ToOwned::to_owned) else {
                continue;
            };
            let mut distance = 0_usize;
            let mut named = 0;
            while distance <= NAMED_BACK {
                if distance == named {
                    haves.push(commit);
                    named = (named * 2).max(1);
                }
                let parent = repository.find_commit(commit).ok().and_then(|commit| {
                    let parent = commit.parent_ids().next()?;
                    Some(parent.detach())
                });
                let Some(parent) = parent else { break };
                commit = parent;
                distance += 1;
            }
        }
        haves
    }

    /// An empty folder for what is received.
    pub fn empty_incoming(&self) -> Result<PathBuf, Fault> {
        let folder = self.path.join("incoming");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.disk_error(&error)),
            _ => {}
        }
        fs::create_dir(&folder).map_err(|error| self.disk_error(&error))?;
        Ok(folder)
    }

    /// Makes a received pack part of the clone; its index comes last, by which it is found.
    pub fn adopt_pack(&self, data: &Path, index: &Path) -> Result<(), Fault> {
        let folder = self.path.join("objects/pack");
        let adopt = || {
            fs::create_dir_all(&folder)?;
            for file in [data, index] {
                if let Some(name) = file.file_name() {
                    fs::rename(file, folder.join(name))?;
                }
            }
            Ok(())
        };
        adopt().map_err(|error| self.disk_error(&error))
    }

    pub fn remove_file(&self, file: &Path) -> Result<(), Fault> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.disk_error(&error)),
            _ => Ok(()),
        }
    }

    pub fn disk(&self, reason: String) -> Fault {
        Fault::Disk {
            path: self.path.clone(),
            reason,
        }
    }

    fn disk_error(&self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::DiskFull {
                folder: self.path.clone(),
            },
            _ => self.disk(error.to_string()),
        }
    }
}

/// Whether the commit of each branch can be read: objects that are there, and are something else, were damaged here.
fn has_readable_tips(repository: &gix::Repository) -> bool {
    let Ok(references) = repository.references() else {
        return false;
    };
    let Ok(tips) = references.prefixed("refs/heads/") else {
        return false;
    };
    for tip in tips {
        let Ok(tip) = tip else { return false };
        let commit = tip.target().try_id().map(ToOwned::to_owned);
        if commit.is_some_and(|commit| repository.find_commit(commit).is_err()) {
            return false;
        }
    }
    true
}
