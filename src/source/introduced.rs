//! Which commit introduced what a file says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Source, SourceError};
use crate::model::{CommitId, RepoPath, Roots, TreeFile};

/// For each wanted statement, the oldest commit of the unbroken line of first parents from `head` at which its file
/// makes it. One walk answers for all of them, and reads only files that changed.
///
/// `statements` gives what a version of a file states, or `None` where that version cannot be read: such a version
/// decides nothing. `floor` ends the walk: what already stood there counts as introduced there. The files stand within
/// `roots`, those of `head`: where an older landfall.toml did not name them, they could be read all the same.
pub fn introduced<S: Source, K: Ord + Clone>(
    source: &S,
    head: CommitId,
    floor: Option<CommitId>,
    roots: &Roots,
    mut wanted: BTreeMap<RepoPath, BTreeSet<K>>,
    statements: impl Fn(&RepoPath, &[u8]) -> Option<BTreeSet<K>>,
) -> Result<BTreeMap<(RepoPath, K), CommitId>, SourceError> {
    let mut found = BTreeMap::new();
    let mut commit = head;
    wanted.retain(|_, statements| !statements.is_empty());
    while !wanted.is_empty() {
        let parent = match floor {
            Some(floor) if floor == commit => None,
            _ => source.first_parent(commit)?,
        };
        let Some(parent) = parent else {
            found.extend(
                wanted
                    .into_iter()
                    .flat_map(|(path, keys)| keys.into_iter().map(move |key| ((path.clone(), key), commit))),
            );
            break;
        };
        for change in source.changes(commit, roots)? {
            let Some(pending) = wanted.get_mut(&change.path) else {
                continue;
            };
            let before = match change.before {
                None | Some(Entry::Symlink(_) | Entry::Submodule(_)) => Some(BTreeSet::new()),
                Some(entry) => match source.read(entry)? {
                    TreeFile::Regular { bytes, .. } => statements(&change.path, &bytes),
                    _ => None,
                },
            };
            let Some(before) = before else { continue };
            pending.retain(|key| {
                let stood = before.contains(key);
                if !stood {
                    found.insert((change.path.clone(), key.clone()), commit);
                }
                stood
            });
            if pending.is_empty() {
                wanted.remove(&change.path);
            }
        }
        commit = parent;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::History;

    fn lines(_: &RepoPath, bytes: &[u8]) -> Option<BTreeSet<String>> {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }

    fn ask(history: &History, head: CommitId, floor: Option<CommitId>, path: &str, line: &str) -> CommitId {
        let path = RepoPath::from(path);
        let wanted = BTreeMap::from([(path.clone(), BTreeSet::from([line.to_owned()]))]);
        introduced(&history.open(), head, floor, &Roots::default(), wanted, lines).unwrap()[&(path, line.to_owned())]
    }

    #[test]
    fn a_line_was_introduced_by_the_oldest_commit_of_its_unbroken_run() {
        let history = History::new();
        history.commit(&[("promotions/a.toml", "x\n")]);
        history.commit(&[("promotions/a.toml", "y\n")]);
        let again = history.commit(&[("promotions/a.toml", "x\ny\n")]);
        history.commit(&[("promotions/b.toml", "x\n")]);
        let head = history.commit(&[("promotions/a.toml", "x\ny\nz\n")]);
        assert_eq!(ask(&history, head, None, "promotions/a.toml", "x"), again);
        assert_eq!(ask(&history, head, None, "promotions/a.toml", "z"), head);
    }

    #[test]
    fn a_version_that_cannot_be_read_decides_nothing() {
        let history = History::new();
        let first = history.commit(&[("promotions/a.toml", "x\n")]);
        history.commit_bytes(&[("promotions/a.toml", b"\xff")]);
        let head = history.commit(&[("promotions/a.toml", "x\n")]);
        assert_eq!(ask(&history, head, None, "promotions/a.toml", "x"), first);
    }

    #[test]
    fn a_file_that_was_removed_between_breaks_the_run() {
        let history = History::new();
        history.commit(&[("promotions/a.toml", "x\n")]);
        history.remove(&["promotions/a.toml"]);
        let head = history.commit(&[("promotions/a.toml", "x\n")]);
        assert_eq!(ask(&history, head, None, "promotions/a.toml", "x"), head);
    }

    #[test]
    fn nothing_is_older_than_the_floor() {
        let history = History::new();
        let root = history.commit(&[("promotions/a.toml", "x\n")]);
        let floor = history.commit(&[("promotions/b.toml", "x\n")]);
        let head = history.commit(&[("promotions/b.toml", "y\n")]);
        assert_eq!(ask(&history, head, Some(floor), "promotions/a.toml", "x"), floor);
        assert_eq!(ask(&history, head, None, "promotions/a.toml", "x"), root);
    }
}
