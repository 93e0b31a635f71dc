//! History read forwards: what each commit changed, with the contents, every object read once.

use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::CommitRefIter;

use super::changes::{self, Folder};
use super::object::{Objects, object_id, reason, sha1};
use super::tree::{self, Contents};
use super::{Entry, SourceError, SubPath};
use crate::model::{CommitId, Limits, RepoPath, TreeFile};

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

/// See [`super::Source::replay`].
pub(super) fn replay(
    objects: &Objects<'_>,
    limits: &Limits,
    folder: &SubPath,
    head: CommitId,
    until: Option<CommitId>,
    visit: &mut Visitor<'_>,
) -> Result<(), SourceError> {
    let mut snapshots = first_parents(objects, head, until)?;
    let mut folders = Folders {
        objects,
        read: HashMap::new(),
    };
    let mut before: Rc<Folder> = Rc::default();
    let mut tree_before = None;
    if let Some(until) = until {
        let tree = objects.tree_of(until)?;
        before = tree::top(objects, tree, folder)?.into();
        tree_before = Some(tree);
    }
    while let Some(Snapshot { commit, tree }) = snapshots.pop() {
        let mut changed = Vec::new();
        if tree_before != Some(tree) {
            let after: Rc<Folder> = tree::top(objects, tree, folder)?.into();
            let changes = changes::between_folders(objects, limits, commit, before, after.clone(), &mut |id| {
                folders.read(id)
            })?;
            let mut bytes = 0;
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
            before = after;
            tree_before = Some(tree);
        }
        visit(commit, changed)?;
    }
    Ok(())
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

/// The commits at which a shallow clone ends; none where it is none.
pub(super) fn shallow_commits(objects: &Objects<'_>) -> Result<Vec<CommitId>, SourceError> {
    let commits = objects.repository.shallow_commits().map_err(|error| SourceError::Git {
        repository: objects.path.to_owned(),
        doing: "cannot read the list of shallow commits".to_owned(),
        reason: reason(&error),
    })?;
    Ok(commits
        .iter()
        .flat_map(|commits| commits.iter())
        .map(|commit| CommitId(sha1(commit)))
        .collect())
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
        let folder = Rc::new(self.objects.entries(id)?);
        self.read.insert(id, folder.clone());
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::History;
    use crate::source::{Change, Source};

    fn visited(source: &impl Source, head: CommitId, until: Option<CommitId>) -> Vec<(CommitId, Vec<Changed>)> {
        let mut visited = Vec::new();
        source
            .replay(head, until, &mut |commit, changed| {
                visited.push((commit, changed));
                Ok(())
            })
            .unwrap();
        visited
    }

    #[test]
    fn commits_come_oldest_first_with_what_they_changed() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1"), ("promotions/a/x.toml", "1")]);
        let same = history.commit(&[("README.md", "not read")]);
        let second = history.commit(&[("promotions/a/y.toml", "2")]);
        let head = history.remove(&["promotions/a/x.toml"]);
        let source = history.open();
        let all = visited(&source, head, None);
        assert_eq!(
            all.iter().map(|(commit, _)| *commit).collect::<Vec<_>>(),
            [root, same, second, head]
        );
        assert_eq!(all[1].1, []);
        assert_eq!(all[3].1, [("promotions/a/x.toml".into(), None)]);
        assert_eq!(visited(&source, head, Some(same)), all[2..]);
        assert_eq!(visited(&source, head, Some(head)), []);
    }

    #[test]
    fn it_tells_the_same_as_asking_commit_by_commit() {
        let history = History::new();
        history.commit(&[("keys/a.pub", "a"), ("promotions/a", "a file")]);
        history.commit(&[("promotions/a/b/c.toml", "1"), ("promotions/d/e.toml", "1")]);
        history.commit(&[("promotions/d/e.toml", "2")]);
        let head = history.remove(&["keys/a.pub"]);
        let source = history.open();
        for (commit, changed) in visited(&source, head, None) {
            let asked: Vec<Change> = source.changes(commit).unwrap();
            let asked: Vec<Changed> = asked
                .into_iter()
                .map(|change| (change.path, change.after.map(|entry| source.read(entry).unwrap())))
                .collect();
            assert_eq!(changed, asked);
        }
    }

    #[test]
    fn what_is_no_first_parent_is_not_an_end() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1")]);
        let head = history.commit(&[("landfall.toml", "2")]);
        let error = history.open().replay(root, Some(head), &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(
            error,
            SourceError::NotInHistory {
                from: root,
                until: head
            }
        );
    }
}
