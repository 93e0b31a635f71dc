//! Histories told in order.

use super::*;
use crate::source::testing::History;
use crate::source::{Options, Source};

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
            .map(|change| {
                let file = change.after.map(|entry| source.read_at(&change.path, entry).unwrap());
                (change.path, file)
            })
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
fn history_is_told_alike_in_stretches_of_any_length() {
    let history = History::new();
    for number in 0..9_u8 {
        let text = format!("{}", number / 2);
        let path = format!("promotions/{}/{}.toml", number % 2, number % 3);
        history.commit(&[(path.as_str(), &text), ("keys/a.pub", &text)]);
    }
    let source = history.open();
    let head = source.head().unwrap();
    let whole = visited(&source, head, None);
    assert_eq!(whole.len(), 9);
    for (commits, changes) in [(1, 0), (2, 100), (4, 1), (5, 4), (100, 1), (100, 3)] {
        let mut told = Vec::new();
        let reading = |objects: &Objects<'_>| {
            let reading = Reading {
                objects,
                limits: &Limits::default(),
                folder: &SubPath::default(),
                roots: &roots,
                stretch: Stretch { commits, changes },
            };
            replay(&reading, head, None, &mut |commit, changed| {
                told.push((commit, changed));
                Ok(())
            })
        };
        source.with_objects(reading).unwrap();
        assert_eq!(told, whole, "{commits} {changes}");
    }
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

/// Whoever is told of each commit has what is read of it whole.
#[test]
fn what_exceeds_the_limits_is_told_where_it_does_and_taken_back_where_it_no_longer_does() {
    let history = History::new();
    let (small, large) = ("1", "x".repeat(60));
    history.commit(&[
        ("landfall.toml", small),
        ("promotions/a/1.toml", small),
        ("promotions/b/1.toml", small),
    ]);
    history.commit(&[("promotions/a/2.toml", &large), ("promotions/a/3.toml", &large)]);
    history.commit(&[("promotions/b/2.toml", small), ("promotions/a/1.toml", "changed")]);
    history.remove(&["promotions/a/3.toml"]);
    history.commit(&[("promotions/b/2.toml", &large), ("promotions/c/1.toml", &large)]);
    history.commit(&[("promotions/c/1.toml", small)]);
    let head = history.remove(&["promotions/a/2.toml", "promotions/b/2.toml"]);
    let limits = Limits {
        project_bytes: 100,
        tree_bytes: 150,
        ..Limits::default()
    };
    let source = history.open_with(Options {
        limits,
        ..Options::default()
    });
    let commits = source.first_parents(head, None).unwrap();
    let mut excessive = 0;
    for until in commits.iter().skip(1).map(|commit| Some(*commit)).chain([None]) {
        let mut files = until.map_or_else(std::collections::BTreeMap::new, |until| {
            source.tree(until, &Roots::default()).unwrap().files
        });
        for (commit, changed) in visited(&source, head, until) {
            for (path, file) in changed {
                match file {
                    Some(file) => drop(files.insert(path, file)),
                    None => drop(files.remove(&path)),
                }
            }
            assert_eq!(files, source.tree(commit, &Roots::default()).unwrap().files, "{commit}");
            excessive += files
                .values()
                .filter(|file| matches!(file, TreeFile::Excessive { .. }))
                .count();
        }
    }
    assert!(excessive > 6, "{excessive}");
}
