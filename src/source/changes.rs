//! Where two commits' trees differ, found without reading what they share.

use std::rc::Rc;

use gix::objs::tree::EntryKind;

use super::folder::{Folder, TreeEntry};
use super::object::Objects;
use super::section::{self, Measure, ReadFolder};
use super::tree::{self, entry};
use super::{Change, SourceError, SubPath};
use crate::model::{CommitId, Limits, RepoPath, Roots};

/// The changes from `before` (none for a root commit) to `after`, sorted by path. What exceeds the limits on one of the
/// sides is left out: it could not be enumerated.
pub(super) fn between(
    objects: &Objects<'_>,
    limits: &Limits,
    folder: &SubPath,
    roots: &Roots,
    before: Option<CommitId>,
    after: CommitId,
) -> Result<Vec<Change>, SourceError> {
    let top = |commit| match tree::top(objects, objects.tree_of(commit)?, folder, roots) {
        Err(SourceError::TooLarge { .. }) => Ok(None),
        top => top.map(Some),
    };
    let before = before.map_or(Ok(Some(Folder::default())), top)?;
    let (Some(before), Some(after)) = (before, top(after)?) else {
        return Ok(Vec::new());
    };
    let mut read = |id| objects.folder(id).map(Rc::new);
    let mut measure = Measure::new(objects, limits);
    let mut changes = Vec::new();
    for (path, sides) in section::differing(&before, &after, &mut measure, &mut read)? {
        if section::fit(&sides) {
            let [before, after] = sides.map(|section| section.and_then(|section| section.entry));
            changes.extend(section::changes(&path, before, after, &mut read)?);
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// The changes between two folders, by paths below them; `read` gives the folders within.
pub(super) fn between_folders(
    before: Rc<Folder>,
    after: Rc<Folder>,
    read: &mut ReadFolder<'_>,
) -> Result<Vec<Change>, SourceError> {
    let mut changes = Vec::new();
    let mut pending = vec![(String::new(), before, after)];
    while let Some((parent, before, after)) = pending.pop() {
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
            let mut children = |side: Option<TreeEntry>| match side {
                Some(entry) if entry.kind == EntryKind::Tree => read(entry.id).map(Some),
                _ => Ok(None),
            };
            let (before, after) = (children(before)?, children(after)?);
            if before.is_some() || after.is_some() {
                pending.push((path, before.unwrap_or_default(), after.unwrap_or_default()));
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
