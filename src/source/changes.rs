//! Where two commits' trees differ, found without reading what they share.

use std::rc::Rc;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::folder::{Folder, TreeEntry};
use super::object::Objects;
use super::tree::{self, entry};
use super::{Change, SourceError, SubPath};
use crate::model::{CommitId, Limits, RepoPath, Roots};

/// The changes from `before` (none for a root commit) to `after`, sorted by path.
pub(super) fn between(
    objects: &Objects<'_>,
    limits: &Limits,
    folder: &SubPath,
    roots: &Roots,
    before: Option<CommitId>,
    after: CommitId,
) -> Result<Vec<Change>, SourceError> {
    let top = |commit| tree::top(objects, objects.tree_of(commit)?, folder, roots).map(Rc::new);
    let before = before.map(top).transpose()?.unwrap_or_default();
    let mut read = |id| objects.folder(id).map(Rc::new);
    between_folders(objects, limits, after, before, top(after)?, &mut read)
}

/// As [`between`], from what [`tree::top`] found in each of them; `read` gives the folders below.
pub(super) fn between_folders(
    objects: &Objects<'_>,
    limits: &Limits,
    commit: CommitId,
    before: Rc<Folder>,
    after: Rc<Folder>,
    read: &mut dyn FnMut(ObjectId) -> Result<Rc<Folder>, SourceError>,
) -> Result<Vec<Change>, SourceError> {
    let too_large = |limit: usize, what| SourceError::TooLarge {
        repository: objects.path.to_owned(),
        commit,
        limit: limit as u64,
        what,
    };
    let mut changes = Vec::new();
    let mut pending = vec![(String::new(), 0, before, after)];
    while let Some((parent, depth, before, after)) = pending.pop() {
        if depth > limits.tree_depth {
            return Err(too_large(limits.tree_depth, "levels of folders"));
        }
        for (name, before, after) in before.differences(&after) {
            let path = if parent.is_empty() {
                name.to_owned()
            } else {
                format!("{parent}/{name}")
            };
            let (entry_before, entry_after) = (before.and_then(entry), after.and_then(entry));
            if entry_before.is_some() || entry_after.is_some() {
                changes.push(Change {
                    path: RepoPath::from(path.as_str()),
                    before: entry_before,
                    after: entry_after,
                });
            }
            if changes.len() + pending.len() > limits.tree_files {
                return Err(too_large(limits.tree_files, "files"));
            }
            let mut children = |side: Option<TreeEntry>| match side {
                Some(entry) if entry.kind == EntryKind::Tree => read(entry.id).map(Some),
                _ => Ok(None),
            };
            let (before, after) = (children(before)?, children(after)?);
            if before.is_some() || after.is_some() {
                pending.push((path, depth + 1, before.unwrap_or_default(), after.unwrap_or_default()));
            }
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use crate::model::{Roots, TreeFile};
    use crate::source::testing::History;
    use crate::source::{Entry, Source};

    fn paths(history: &History, commit: crate::model::CommitId) -> Vec<(String, bool, bool)> {
        let changes = history.open().changes(commit, &Roots::default()).unwrap();
        changes
            .into_iter()
            .map(|change| (change.path.to_string(), change.before.is_some(), change.after.is_some()))
            .collect()
    }

    #[test]
    fn a_commit_names_what_it_added_changed_and_removed() {
        let history = History::new();
        let root = history.commit(&[
            ("landfall.toml", "version = 1\n"),
            ("README.md", "not read\n"),
            ("promotions/a/x.toml", "1\n"),
            ("promotions/b/y.toml", "1\n"),
        ]);
        assert_eq!(
            paths(&history, root),
            [
                ("landfall.toml".to_owned(), false, true),
                ("promotions/a/x.toml".to_owned(), false, true),
                ("promotions/b/y.toml".to_owned(), false, true),
            ]
        );
        let second = history.commit(&[("promotions/a/x.toml", "2\n"), ("README.md", "still not\n")]);
        assert_eq!(
            paths(&history, second),
            [("promotions/a/x.toml".to_owned(), true, true)]
        );
        let third = history.remove(&["promotions/b/y.toml"]);
        assert_eq!(
            paths(&history, third),
            [("promotions/b/y.toml".to_owned(), true, false)]
        );
    }

    #[test]
    fn a_file_that_became_a_folder_changes_at_both_paths() {
        let history = History::new();
        history.commit(&[("promotions/a", "1\n")]);
        let head = history.commit(&[("promotions/a/b.toml", "1\n")]);
        assert_eq!(
            paths(&history, head),
            [
                ("promotions/a".to_owned(), true, false),
                ("promotions/a/b.toml".to_owned(), false, true),
            ]
        );
    }

    #[test]
    fn what_a_change_names_can_be_read() {
        let history = History::new();
        let head = history.commit(&[("landfall.toml", "version = 1\n")]);
        let source = history.open();
        let entry = source.changes(head, &Roots::default()).unwrap()[0].after.unwrap();
        assert!(matches!(entry, Entry::File(_)));
        match source.read(entry).unwrap() {
            TreeFile::Regular { bytes, .. } => assert_eq!(&*bytes, b"version = 1\n"),
            other => panic!("{other:?}"),
        }
    }
}
