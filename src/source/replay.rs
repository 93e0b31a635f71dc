//! History read forwards: what each commit changed, with the contents, every object read once.

use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::CommitRefIter;
use gix::objs::tree::EntryKind;

use super::changes::{self, Folder};
use super::object::{Objects, object_id, reason, sha1};
use super::tree::{self, Contents};
use super::{Entry, SourceError, SubPath};
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
    let Reading { objects, limits, .. } = *reading;
    let mut snapshots = first_parents(objects, head, until)?;
    let mut folders = Folders {
        objects,
        read: HashMap::new(),
    };
    let mut roots = KnownRoots::default();
    let mut before: Rc<Folder> = Rc::default();
    let mut tree_before = None;
    if let Some(until) = until {
        let tree = objects.tree_of(until)?;
        before = reading.top(tree, &mut roots)?;
        tree_before = Some(tree);
    }
    while let Some(Snapshot { commit, tree }) = snapshots.pop() {
        let mut changed = Vec::new();
        if tree_before != Some(tree) {
            let after = reading.top(tree, &mut roots)?;
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

    /// A landfall.toml of these tests names a folder in its first line.
    fn roots(landfall: &TreeFile) -> Roots {
        let TreeFile::Regular { bytes, .. } = landfall else {
            return Roots::default();
        };
        let text = String::from_utf8_lossy(bytes);
        text.strip_prefix("reads ").map(RepoPath::from).into_iter().collect()
    }

    fn visited(source: &impl Source, head: CommitId, until: Option<CommitId>) -> Vec<(CommitId, Vec<Changed>)> {
        let mut visited = Vec::new();
        source
            .replay(head, until, &roots, &mut |commit, changed| {
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
            let asked: Vec<Change> = source.changes(commit, &Roots::default()).unwrap();
            let asked: Vec<Changed> = asked
                .into_iter()
                .map(|change| (change.path, change.after.map(|entry| source.read(entry).unwrap())))
                .collect();
            assert_eq!(changed, asked);
        }
    }

    /// A repository that replays as any other source would.
    struct Plain(crate::source::GitRepository);

    impl Source for Plain {
        fn branch(&self) -> Result<String, SourceError> {
            self.0.branch()
        }
        fn head(&self) -> Result<CommitId, SourceError> {
            self.0.head()
        }
        fn resolve(&self, revision: &str) -> Result<CommitId, SourceError> {
            self.0.resolve(revision)
        }
        fn commit(&self, id: CommitId) -> Result<crate::source::CommitInfo, SourceError> {
            self.0.commit(id)
        }
        fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
            self.0.first_parent(of)
        }
        fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError> {
            self.0.entry(at, path)
        }
        fn tree(&self, at: CommitId, roots: &Roots) -> Result<crate::model::Tree, SourceError> {
            self.0.tree(at, roots)
        }
        fn changes(&self, of: CommitId, roots: &Roots) -> Result<Vec<Change>, SourceError> {
            self.0.changes(of, roots)
        }
        fn read(&self, entry: Entry) -> Result<TreeFile, SourceError> {
            self.0.read(entry)
        }
    }

    #[test]
    fn what_a_commit_begins_to_read_has_changed_and_what_it_no_longer_reads_is_gone() {
        let history = History::new();
        let root = history.commit(&[("a/b/c.yaml", "1"), ("d/e.yaml", "1")]);
        let named = history.commit(&[("landfall.toml", "reads a/b")]);
        let changed = history.commit(&[("a/b/c.yaml", "2"), ("d/e.yaml", "2")]);
        let other = history.commit(&[("landfall.toml", "reads d")]);
        let both = history.commit(&[("landfall.toml", "reads a"), ("a/f.yaml", "1")]);
        let none = history.remove(&["landfall.toml"]);
        let all = visited(&history.open(), none, None);
        let paths: Vec<(CommitId, Vec<(&str, bool)>)> = all
            .iter()
            .map(|(commit, changed)| {
                let changed = changed.iter().map(|(path, file)| (path.as_str(), file.is_some()));
                (*commit, changed.collect())
            })
            .collect();
        let landfall = ("landfall.toml", true);
        let expected = [
            (root, vec![]),
            (named, vec![("a/b/c.yaml", true), landfall]),
            (changed, vec![("a/b/c.yaml", true)]),
            (other, vec![("a/b/c.yaml", false), ("d/e.yaml", true), landfall]),
            (
                both,
                vec![("a/b/c.yaml", true), ("a/f.yaml", true), ("d/e.yaml", false), landfall],
            ),
            (
                none,
                vec![("a/b/c.yaml", false), ("a/f.yaml", false), ("landfall.toml", false)],
            ),
        ];
        assert_eq!(paths, expected);
        assert_eq!(visited(&Plain(history.open()), none, None), all);
        assert_eq!(visited(&Plain(history.open()), none, Some(changed)), all[3..]);
    }

    #[test]
    fn what_is_no_first_parent_is_not_an_end() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1")]);
        let head = history.commit(&[("landfall.toml", "2")]);
        let error = history
            .open()
            .replay(root, Some(head), &roots, &mut |_, _| Ok(()))
            .unwrap_err();
        assert_eq!(
            error,
            SourceError::NotInHistory {
                from: root,
                until: head
            }
        );
    }
}
