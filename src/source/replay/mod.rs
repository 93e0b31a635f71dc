//! History told forwards: what each commit changed, with the contents.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::CommitRefIter;
use gix::objs::tree::EntryKind;

use super::commits::shallow_commits;
use super::folder::Folder;
use super::object::{Objects, object_id, reason, sha1};
use super::section::{self, Measure, Refused, Section, Sections, Sides};
use super::tree::{self, Contents};
use super::{Change, Entry, SourceError, SubPath};
use crate::model::{BlobId, CommitId, Limits, Reads, RepoPath, Roots, TreeFile};

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

/// What stands at the top of a commit's tree.
#[derive(Clone, Default)]
struct Top {
    folder: Rc<Folder>,
    /// The folder is empty because it is too large to be read.
    is_excessive: bool,
}

impl Reading<'_> {
    /// What stands at the top of a commit's tree, as its own landfall.toml has it.
    fn top(&self, tree: ObjectId, known: &mut KnownRoots) -> Result<Top, SourceError> {
        match self.readable_top(tree, known) {
            Err(SourceError::TooLarge { .. }) => Ok(Top {
                is_excessive: true,
                ..Top::default()
            }),
            folder => Ok(Top {
                folder: folder?,
                is_excessive: false,
            }),
        }
    }

    fn readable_top(&self, tree: ObjectId, known: &mut KnownRoots) -> Result<Rc<Folder>, SourceError> {
        let always = tree::top(self.objects, tree, self.folder, &Roots::default())?;
        let landfall = always
            .get(Roots::FILE)
            .filter(|entry| !matches!(entry.kind, EntryKind::Link | EntryKind::Commit));
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
        measure: Measure::new(reading.objects, reading.limits),
        roots: KnownRoots::default(),
        sections: Sections::new(),
        refused: Refused::new(),
    };
    let mut before = match until {
        None => None,
        Some(until) => Some(reading.objects.tree_of(until)?),
    };
    if let Some(tree) = before {
        replay.begin(tree)?;
    }
    for stretch in snapshots.rchunks(reading.stretch.commits) {
        replay.stretch(before, stretch, visit)?;
        before = stretch.first().map(|newest| newest.tree);
    }
    Ok(())
}

struct Replay<'r, 'a> {
    reading: &'r Reading<'a>,
    folders: Folders<'a>,
    measure: Measure<'a>,
    roots: KnownRoots,
    /// What stands at the commit visited last.
    sections: Sections,
    /// What of it was not told.
    refused: Refused,
}

/// What a commit changed.
#[derive(Default)]
struct Step {
    sections: BTreeMap<String, Sides>,
    /// `None` where that is too much to be enumerated.
    changes: Option<Vec<Change>>,
}

impl Replay<'_, '_> {
    /// Takes what stands in a tree as told.
    fn begin(&mut self, tree: ObjectId) -> Result<(), SourceError> {
        let top = self.reading.top(tree, &mut self.roots)?;
        let step = self.sides(&Top::default(), &top)?;
        self.take(&step);
        self.refused = section::refused(&self.sections, self.reading.limits);
        Ok(())
    }

    /// Visits a stretch of history, given newest first; `before` is the tree of the commit that it follows.
    fn stretch(
        &mut self,
        before: Option<ObjectId>,
        snapshots: &[Snapshot],
        visit: &mut Visitor<'_>,
    ) -> Result<(), SourceError> {
        let Some(steps) = self.steps(before, snapshots)? else {
            let (newer, older) = snapshots.split_at(snapshots.len() / 2);
            self.stretch(before, older, visit)?;
            return self.stretch(older.first().map(|newest| newest.tree), newer, visit);
        };
        for (snapshot, step) in snapshots.iter().zip(steps).rev() {
            let changed = self.changed(step)?;
            visit(snapshot.commit, changed)?;
        }
        Ok(())
    }

    /// What each commit of a stretch changed; `None` where that is too much to keep. Git stores a folder as what
    /// differs from a newer version of it, so that comparing backwards unpacks each version from the one before.
    fn steps(&mut self, before: Option<ObjectId>, snapshots: &[Snapshot]) -> Result<Option<Vec<Step>>, SourceError> {
        let (mut all, mut count) = (Vec::with_capacity(snapshots.len()), 0);
        let mut known: Option<Top> = None;
        let parents = snapshots.iter().skip(1).map(|parent| Some(parent.tree)).chain([before]);
        for (Snapshot { tree, .. }, parent) in snapshots.iter().zip(parents) {
            if parent == Some(*tree) {
                all.push(Step {
                    changes: Some(Vec::new()),
                    ..Step::default()
                });
                continue;
            }
            let after = match known.take() {
                Some(known) => known,
                None => self.reading.top(*tree, &mut self.roots)?,
            };
            let older = match parent {
                Some(parent) => self.reading.top(parent, &mut self.roots)?,
                None => Top::default(),
            };
            known = Some(older.clone());
            let mut step = self.sides(&older, &after)?;
            if step.sections.values().all(section::fit) {
                let folders = &mut self.folders;
                let mut changes = Vec::new();
                for (path, sides) in &step.sections {
                    let [before, after] = sides.map(|section| section.and_then(|section| section.entry));
                    changes.extend(section::changes(path, before, after, &mut |id| folders.read(id))?);
                }
                changes.sort_by(|a, b| a.path.cmp(&b.path));
                count += changes.len();
                step.changes = Some(changes);
            }
            if count > self.reading.stretch.changes && snapshots.len() > 1 {
                return Ok(None);
            }
            all.push(step);
        }
        Ok(Some(all))
    }

    /// Which sections differ.
    fn sides(&mut self, before: &Top, after: &Top) -> Result<Step, SourceError> {
        let folders = &mut self.folders;
        let read: &mut section::ReadFolder<'_> = &mut |id| folders.read(id);
        let mut sections = section::differing(&before.folder, &after.folder, &mut self.measure, read)?;
        if before.is_excessive || after.is_excessive {
            // What cannot be read at all stands for the file that everything begins with.
            let sides = sections.entry(Roots::FILE.to_owned()).or_default();
            for (side, top) in sides.iter_mut().zip([before, after]) {
                if top.is_excessive {
                    *side = Some(Section::UNREADABLE);
                }
            }
        }
        Ok(Step {
            sections,
            changes: None,
        })
    }

    fn take(&mut self, step: &Step) {
        for (path, [_, after]) in &step.sections {
            match after {
                Some(section) => drop(self.sections.insert(path.clone(), *section)),
                None => drop(self.sections.remove(path)),
            }
        }
    }

    /// What a commit changed, so that whoever is told has what [`tree::read`] would give of it.
    fn changed(&mut self, step: Step) -> Result<Vec<Changed>, SourceError> {
        if step.sections.is_empty() {
            return Ok(Vec::new());
        }
        self.take(&step);
        let refused = section::refused(&self.sections, self.reading.limits);
        let before = std::mem::replace(&mut self.refused, refused);
        if let Some(changes) = step.changes.filter(|_| before.is_empty() && self.refused.is_empty()) {
            return changes.into_iter().map(|change| self.content(change)).collect();
        }
        let mut affected = section::unlike(&before, &self.refused);
        affected.extend(step.sections.keys().cloned());
        let mut changed: BTreeMap<RepoPath, Option<TreeFile>> = BTreeMap::new();
        for path in affected {
            let stands = self.sections.get(&path).copied();
            let [was, is] = step.sections.get(&path).copied().unwrap_or([stands, stands]);
            let told = |section: Option<Section>, refused: &Refused| {
                section
                    .filter(|_| !refused.contains_key(&path))
                    .and_then(|section| section.entry)
            };
            let at = RepoPath::from(path.as_str());
            if before.contains_key(&path) {
                changed.insert(at.clone(), None);
            }
            let folders = &mut self.folders;
            let (was, is) = (told(was, &before), told(is, &self.refused));
            for change in section::changes(&path, was, is, &mut |id| folders.read(id))? {
                let (path, file) = self.content(change)?;
                changed.insert(path, file);
            }
            if let Some(excess) = self.refused.get(&path) {
                changed.insert(at, Some(excess.file()));
            }
        }
        Ok(changed.into_iter().collect())
    }

    fn content(&self, change: Change) -> Result<Changed, SourceError> {
        let Reading { objects, limits, .. } = *self.reading;
        let Change { path, after, .. } = change;
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let file = match after {
            None => None,
            Some(Entry::Symlink(_)) => Some(TreeFile::Symlink),
            Some(Entry::Submodule(_)) => Some(TreeFile::Submodule),
            Some(Entry::File(_)) if !Reads::at(path.as_str()).hold(name) => Some(TreeFile::Other),
            Some(Entry::File(blob)) => Some(tree::content(objects, limits, blob, &Contents::new())?),
        };
        Ok((path, file))
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
