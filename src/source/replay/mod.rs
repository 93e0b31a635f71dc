//! History told forwards: what each commit changed, with the contents.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::CommitRefIter;
use gix::objs::tree::EntryKind;

use super::changes;
use super::commits::shallow_commits;
use super::folder::Folder;
use super::object::{Objects, object_id, reason, sha1};
use super::tree::{self, Contents};
use super::{Change, Entry, SourceError, SubPath};
use crate::model::{BlobId, CommitId, Limits, RepoPath, Roots, TreeFile};

/// A path at which a commit differs from its first parent, and what stands there now; `None` where it was removed.
pub type Changed = (RepoPath, Option<TreeFile>);

/// What is called with each commit and its changes, sorted by path.
pub type Visitor<'v> = dyn FnMut(CommitId, Vec<Changed>) -> Result<(), SourceError> + 'v;

/// Folders that are kept between commits: most commits change files where the one before did not, but below the same
/// folders.
const KEPT_FOLDERS: usize = 4_096;

/// A commit and its root folder.
struct Snapshot {
    commit: CommitId,
    tree: ObjectId,
}

/// What is read of each commit.
pub(super) struct Reading<'a> {
    pub objects: &'a Objects<'a>,
    pub limits: &'a Limits,
    pub folder: &'a SubPath,
    /// What a landfall.toml names.
    pub roots: &'a dyn Fn(&TreeFile) -> Roots,
    pub stretch: Stretch,
}

/// How much of history is compared at once: what that finds is kept until it is visited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub commits: usize,
    /// A stretch in which more changed is taken in halves.
    pub changes: usize,
}

impl Default for Stretch {
    fn default() -> Self {
        Self {
            commits: 4_096,
            changes: 1 << 16,
        }
    }
}

/// The folders that the landfall.toml read last names.
#[derive(Default)]
struct KnownRoots(Option<(ObjectId, Roots)>);

impl Reading<'_> {
    /// What stands at the top of a commit's tree, as its own landfall.toml has it.
    fn top(&self, tree: ObjectId, known: &mut KnownRoots) -> Result<Rc<Folder>, SourceError> {
        let always = tree::top(self.objects, tree, self.folder, &Roots::default())?;
        let landfall = always.get(Roots::FILE).filter(|entry| entry.kind != EntryKind::Link);
        let Some(id) = landfall.map(|entry| entry.id) else {
            return Ok(Rc::new(always));
        };
        if known.0.as_ref().is_none_or(|(read, _)| *read != id) {
            let file = tree::content(self.objects, self.limits, BlobId(sha1(&id)), &Contents::new())?;
            known.0 = Some((id, (self.roots)(&file)));
        }
        match &known.0 {
            Some((_, roots)) if roots.named().next().is_some() => {
                tree::top(self.objects, tree, self.folder, roots).map(Rc::new)
            }
            _ => Ok(Rc::new(always)),
        }
    }
}

/// See [`super::Source::replay`].
pub(super) fn replay(
    reading: &Reading<'_>,
    head: CommitId,
    until: Option<CommitId>,
    visit: &mut Visitor<'_>,
) -> Result<(), SourceError> {
    let snapshots = first_parents(reading.objects, head, until)?;
    let mut replay = Replay {
        reading,
        folders: Folders {
            objects: reading.objects,
            read: HashMap::new(),
        },
        roots: KnownRoots::default(),
    };
    let mut before = match until {
        None => None,
        Some(until) => Some(reading.objects.tree_of(until)?),
    };
    for stretch in snapshots.rchunks(reading.stretch.commits) {
        replay.stretch(before, stretch, visit)?;
        before = stretch.first().map(|newest| newest.tree);
    }
    Ok(())
}

struct Replay<'r, 'a> {
    reading: &'r Reading<'a>,
    folders: Folders<'a>,
    roots: KnownRoots,
}

impl Replay<'_, '_> {
    /// Visits a stretch of history, given newest first; `before` is the tree of the commit that it follows.
    fn stretch(
        &mut self,
        before: Option<ObjectId>,
        snapshots: &[Snapshot],
        visit: &mut Visitor<'_>,
    ) -> Result<(), SourceError> {
        let Some(changes) = self.changes(before, snapshots)? else {
            let (newer, older) = snapshots.split_at(snapshots.len() / 2);
            self.stretch(before, older, visit)?;
            return self.stretch(older.first().map(|newest| newest.tree), newer, visit);
        };
        for (snapshot, changes) in snapshots.iter().zip(changes).rev() {
            visit(snapshot.commit, self.contents(snapshot.commit, changes)?)?;
        }
        Ok(())
    }

    /// What each commit of a stretch changed; `None` where that is too much to keep. Git stores a folder as what
    /// differs from a newer version of it, so that comparing backwards unpacks each version from the one before.
    fn changes(
        &mut self,
        before: Option<ObjectId>,
        snapshots: &[Snapshot],
    ) -> Result<Option<Vec<Vec<Change>>>, SourceError> {
        let Reading { objects, limits, .. } = *self.reading;
        let (mut all, mut count) = (Vec::with_capacity(snapshots.len()), 0);
        let mut known: Option<Rc<Folder>> = None;
        let parents = snapshots.iter().skip(1).map(|parent| Some(parent.tree)).chain([before]);
        for (Snapshot { commit, tree }, parent) in snapshots.iter().zip(parents) {
            if parent == Some(*tree) {
                all.push(Vec::new());
                continue;
            }
            let after = match known.take() {
                Some(known) => known,
                None => self.reading.top(*tree, &mut self.roots)?,
            };
            let older = match parent {
                Some(parent) => self.reading.top(parent, &mut self.roots)?,
                None => Rc::default(),
            };
            known = Some(Rc::clone(&older));
            let folders = &mut self.folders;
            let changes = changes::between_folders(objects, limits, *commit, older, after, &mut |id| folders.read(id))?;
            count += changes.len();
            if count > self.reading.stretch.changes && snapshots.len() > 1 {
                return Ok(None);
            }
            all.push(changes);
        }
        Ok(Some(all))
    }

    fn contents(&self, commit: CommitId, changes: Vec<Change>) -> Result<Vec<Changed>, SourceError> {
        let Reading { objects, limits, .. } = *self.reading;
        let mut bytes = 0;
        let mut changed = Vec::with_capacity(changes.len());
        for change in changes {
            let file = change.after.map(|entry| content(objects, limits, entry)).transpose()?;
            if let Some(TreeFile::Regular { bytes: content, .. }) = &file {
                bytes += content.len() as u64;
            }
            if bytes > limits.tree_bytes {
                return Err(SourceError::TooLarge {
                    repository: objects.path.to_owned(),
                    commit,
                    limit: limits.tree_bytes,
                    what: "bytes",
                });
            }
            changed.push((change.path, file));
        }
        Ok(changed)
    }
}

fn content(objects: &Objects<'_>, limits: &Limits, entry: Entry) -> Result<TreeFile, SourceError> {
    match entry {
        Entry::Symlink(_) => Ok(TreeFile::Symlink),
        Entry::File(blob) => tree::content(objects, limits, blob, &Contents::new()),
    }
}

/// `head` and its first parents, newest first, down to but without `until`.
fn first_parents(objects: &Objects<'_>, head: CommitId, until: Option<CommitId>) -> Result<Vec<Snapshot>, SourceError> {
    let boundary = shallow_commits(objects)?;
    let mut found = Vec::new();
    let mut next = Some(head);
    while let Some(commit) = next {
        if Some(commit) == until {
            return Ok(found);
        }
        let bytes = objects.commit(commit)?;
        let corrupt = |error: &gix::Error| objects.corrupt(&object_id(commit.0), reason(error));
        let tree = CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1)
            .tree_id()
            .map_err(|error| corrupt(&error))?;
        let parent = CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1)
            .parent_ids()
            .next();
        if parent.is_some() && boundary.contains(&commit) {
            return Err(SourceError::Shallow {
                repository: objects.path.to_owned(),
                commit,
            });
        }
        found.push(Snapshot { commit, tree });
        next = parent.map(|parent| CommitId(sha1(&parent)));
    }
    match until {
        None => Ok(found),
        Some(until) => Err(SourceError::NotInHistory { from: head, until }),
    }
}

struct Folders<'a> {
    objects: &'a Objects<'a>,
    read: HashMap<ObjectId, Rc<Folder>>,
}

impl Folders<'_> {
    fn read(&mut self, id: ObjectId) -> Result<Rc<Folder>, SourceError> {
        if let Some(known) = self.read.get(&id) {
            return Ok(known.clone());
        }
        if self.read.len() >= KEPT_FOLDERS {
            self.read.clear();
        }
        let folder = Rc::new(self.objects.folder(id)?);
        self.read.insert(id, folder.clone());
        Ok(folder)
    }
}
