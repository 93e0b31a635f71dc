//! Writing repositories: what `landfall demo` explores and what the simulation's and the tests' commits are made with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::refs::transaction::{PreviousValue, RefEdit};
use jiff::Timestamp;

use super::SourceError;
use super::object::{object_id, reason, sha1};
use crate::model::CommitId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Bare,
    /// With files to look at and to edit beside `.git`.
    WorkTree,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    pub name: &'a str,
    pub mail: &'a str,
}

/// What a new commit stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parents<'a> {
    /// The branch's tip; none for its first commit.
    #[default]
    Tip,
    /// These, whatever the branch pointed to before: several for a merge, none for a new root, an older commit to
    /// rewrite the branch. The first one's files are what the commit changes.
    Exactly(&'a [CommitId]),
}

/// A commit to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewCommit<'a> {
    pub branch: &'a str,
    pub parents: Parents<'a>,
    /// Contents by path, added or replaced.
    pub write: &'a BTreeMap<String, Vec<u8>>,
    /// Files and folders to remove.
    pub remove: &'a [&'a str],
    pub message: &'a str,
    /// Author and committer.
    pub author: Identity<'a>,
    /// Whole seconds count.
    pub time: Timestamp,
}

/// Creates an empty repository whose `HEAD` points to `branch`.
///
/// # Errors
/// [`SourceError::Git`], also where a repository stands there already.
pub fn init(repository: &Path, layout: Layout, branch: &str) -> Result<(), SourceError> {
    let kind = match layout {
        Layout::Bare => gix::create::Kind::Bare,
        Layout::WorkTree => gix::create::Kind::WithWorktree,
    };
    let options = gix::open::Options::isolated().config_overrides([format!("init.defaultBranch={branch}")]);
    gix::ThreadSafeRepository::init_opts(repository, kind, gix::create::Options::default(), options)
        .map(drop)
        .map_err(|error| failed(repository, "cannot create the repository", &error))
}

/// Commits `files` (added or replaced) on top of `branch`; see [`NewCommit::write_to`].
///
/// # Errors
/// As [`NewCommit::write_to`].
pub fn commit(
    repository: &Path,
    branch: &str,
    files: &BTreeMap<String, Vec<u8>>,
    message: &str,
    author: Identity<'_>,
    time: Timestamp,
) -> Result<CommitId, SourceError> {
    NewCommit {
        branch,
        parents: Parents::Tip,
        write: files,
        remove: &[],
        message,
        author,
        time,
    }
    .write_to(repository)
}

/// Points `branch` at another commit, as `git reset` or a forced push does.
///
/// # Errors
/// [`SourceError::Git`].
pub fn move_branch(repository: &Path, branch: &str, to: CommitId) -> Result<(), SourceError> {
    let path = repository;
    let repository = open(path)?;
    point(&repository, branch, object_id(to.0), "reset", None)
        .and_then(|()| check_out(&repository, branch, object_id(to.0)))
        .map_err(|error| failed(path, &format!("cannot move branch `{branch}` to {to}"), &error))
}

impl NewCommit<'_> {
    /// Writes the commit and moves the branch to it. Where a work tree stands on that branch, files and index follow,
    /// so that `git status` finds nothing to report.
    ///
    /// # Errors
    /// [`SourceError::Git`]: paths that no commit can hold, names with line breaks, a repository that cannot be
    /// written.
    pub fn write_to(&self, repository: &Path) -> Result<CommitId, SourceError> {
        let path = repository;
        let repository = open(path)?;
        self.write(&repository)
            .map(|id| CommitId(sha1(&id)))
            .map_err(|error| failed(path, &format!("cannot commit to branch `{}`", self.branch), &error))
    }

    fn write(&self, repository: &gix::Repository) -> gix::Result<ObjectId> {
        let parents = match self.parents {
            Parents::Exactly(parents) => parents.iter().map(|parent| object_id(parent.0)).collect(),
            Parents::Tip => tip(repository, self.branch)?.into_iter().collect::<Vec<_>>(),
        };
        let base = match parents.first() {
            Some(parent) => repository.find_commit(*parent)?.tree()?,
            None => repository.empty_tree(),
        };
        let mut editor = repository.edit_tree(base.id)?;
        for path in self.remove {
            editor.remove(*path)?;
        }
        for (path, content) in self.write {
            editor.upsert(path, EntryKind::Blob, repository.write_blob(content)?)?;
        }
        let tree = editor.write()?.detach();
        let signature = gix::actor::Signature {
            name: self.author.name.into(),
            email: self.author.mail.into(),
            time: gix::date::Time::new(self.time.as_second(), 0),
        };
        let mut time = gix::date::parse::TimeBuf::default();
        let signature = signature.to_ref(&mut time);
        let id = repository
            .new_commit_as(signature, signature, self.message, tree, parents)?
            .id;
        point(repository, self.branch, id, "commit", Some(signature))?;
        check_out(repository, self.branch, id)?;
        Ok(id)
    }
}

fn failed(repository: &Path, doing: &str, error: &gix::Error) -> SourceError {
    SourceError::Git {
        repository: repository.to_owned(),
        doing: doing.to_owned(),
        reason: reason(error),
    }
}

fn open(path: &Path) -> Result<gix::Repository, SourceError> {
    gix::open::Options::isolated()
        .open(path)
        .map(|repository| repository.to_thread_local())
        .map_err(|error| super::format::refusal(path, &reason(&error)))
}

fn full_name(branch: &str) -> gix::Result<gix::refs::FullName> {
    format!("refs/heads/{branch}")
        .try_into()
        .map_err(gix::Error::from_error)
}

fn tip(repository: &gix::Repository, branch: &str) -> gix::Result<Option<ObjectId>> {
    match repository.try_find_reference(full_name(branch)?.as_ref())? {
        Some(mut reference) => Ok(Some(reference.peel_to_id()?.detach())),
        None => Ok(None),
    }
}

fn point(
    repository: &gix::Repository,
    branch: &str,
    to: ObjectId,
    log: &str,
    committer: Option<gix::actor::SignatureRef<'_>>,
) -> gix::Result<()> {
    let mut time = gix::date::parse::TimeBuf::default();
    let nobody = gix::actor::Signature {
        name: "landfall".into(),
        email: "landfall@localhost".into(),
        time: gix::date::Time::new(0, 0),
    };
    let committer = committer.unwrap_or_else(|| nobody.to_ref(&mut time));
    let edit = RefEdit::update(full_name(branch)?, to, PreviousValue::Any, log);
    repository.edit_references_as([edit], Some(committer))?;
    Ok(())
}

/// Brings files and index to `commit`, where a work tree stands on `branch`. Only files that differ between the index
/// and the commit are touched.
fn check_out(repository: &gix::Repository, branch: &str, commit: ObjectId) -> gix::Result<()> {
    let on_branch = repository.head_name()?.is_some_and(|name| name.shorten() == branch);
    let (Some(work_tree), true) = (repository.workdir(), on_branch) else {
        return Ok(());
    };
    let tree = repository.find_commit(commit)?.tree_id()?;
    let mut index = repository.index_from_tree(&tree)?;
    let previous = repository.index_or_empty()?;
    let entries = |index: &gix::index::File| -> BTreeMap<String, (gix::index::entry::Mode, ObjectId)> {
        index
            .entries()
            .iter()
            .map(|entry| (entry.path(index).to_string(), (entry.mode, entry.id)))
            .collect()
    };
    let (before, after) = (entries(&previous), entries(&index));
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        remove_file(work_tree, path).map_err(gix::Error::from_error)?;
    }
    for (path, (mode, id)) in after.iter().filter(|(path, entry)| before.get(*path) != Some(entry)) {
        if !mode.contains(gix::index::entry::Mode::FILE) {
            return Err(gix::error::unsupported(format!("`{path}` is not a plain file")).into());
        }
        write_file(work_tree, path, &repository.find_blob(*id)?.data).map_err(gix::Error::from_error)?;
    }
    index.write(gix::index::write::Options::default())
}

fn write_file(work_tree: &Path, path: &str, content: &[u8]) -> std::io::Result<()> {
    let mut folder = work_tree.to_owned();
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    for segment in parents.split('/').filter(|segment| !segment.is_empty()) {
        folder.push(segment);
        // A link here could lead the write out of the work tree.
        if fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
            fs::remove_file(&folder)?;
        }
        if !folder.exists() {
            fs::create_dir(&folder)?;
        }
    }
    let file = folder.join(name);
    if fs::symlink_metadata(&file).is_ok_and(|found| found.is_symlink()) {
        fs::remove_file(&file)?;
    }
    fs::write(file, content)
}

/// Removes a file, and the folders that are empty without it.
fn remove_file(work_tree: &Path, path: &str) -> std::io::Result<()> {
    let file = work_tree.join(path);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != work_tree && fs::remove_dir(folder).is_ok()) {
        folder = empty.parent();
    }
    Ok(())
}
