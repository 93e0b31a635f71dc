//! Single commits: who made them, and what they stand on.

use gix::bstr::{BStr, ByteSlice};
use gix::objs::{CommitRef, CommitRefIter};
use jiff::Timestamp;

use super::object::{Objects, object_id, reason, sha1};
use super::{CommitInfo, SourceError};
use crate::model::CommitId;

/// See [`Source::commit`](super::Source::commit).
pub(super) fn info(objects: &Objects<'_>, id: CommitId) -> Result<CommitInfo, SourceError> {
    let bytes = objects.commit(id)?;
    let corrupt = |what: String| objects.corrupt(&object_id(id.0), what);
    let commit = CommitRef::from_bytes(&bytes, gix::hash::Kind::Sha1).map_err(|error| corrupt(reason(&error)))?;
    let author = commit.author().map_err(|error| corrupt(reason(&error)))?.trim();
    let seconds = commit
        .committer()
        .and_then(|committer| committer.time())
        .map_err(|error| corrupt(reason(&error)))?
        .seconds;
    let time = Timestamp::from_second(seconds).map_err(|error| corrupt(error.to_string()))?;
    let (name, mail) = (printable(author.name), printable(author.email));
    Ok(CommitInfo {
        id,
        author: if mail.is_empty() {
            name
        } else {
            format!("{name} <{mail}>")
        },
        time,
        summary: printable(&commit.message().summary()),
    })
}

/// See [`Source::first_parent`](super::Source::first_parent).
pub(super) fn first_parent(objects: &Objects<'_>, of: CommitId) -> Result<Option<CommitId>, SourceError> {
    let bytes = objects.commit(of)?;
    let Some(parent) = CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1)
        .parent_ids()
        .next()
    else {
        return Ok(None);
    };
    if shallow_commits(objects)?.contains(&of) {
        return Err(SourceError::Shallow {
            repository: objects.path.to_owned(),
            commit: of,
        });
    }
    Ok(Some(CommitId(sha1(&parent))))
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

/// Names and messages come from whoever made the commit, and end up on terminals and in logs.
fn printable(text: &BStr) -> String {
    text.to_str_lossy()
        .chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::Roots;
    use crate::source::author::Parents;
    use crate::source::testing::History;
    use crate::source::{Relation, Source};

    #[test]
    fn a_commit_tells_who_made_it_and_when() {
        let history = History::new();
        let head = history.commit(&[("landfall.toml", "version = 1\n")]);
        let info = history.open().commit(head).unwrap();
        assert_eq!(info.author, "A. Author <author@example.com>");
        assert_eq!(info.time.to_string(), "2026-01-01T00:01:00Z");
        assert_eq!(info.summary, "Change promotions");
    }

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}".into()), "a\u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn replacement_objects_replace_nothing() {
        let history = History::new();
        let first = history.commit(&[("landfall.toml", "1\n")]);
        let second = history.commit(&[("landfall.toml", "2\n")]);
        let replace = history.path().join("refs/replace");
        fs::create_dir_all(&replace).unwrap();
        fs::write(replace.join(second.to_string()), format!("{first}\n")).unwrap();
        assert_eq!(history.open().first_parent(second).unwrap(), Some(first));
    }

    #[test]
    fn heads_stand_to_an_accepted_commit_along_first_parents() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1\n")]);
        let left = history.commit(&[("landfall.toml", "2\n")]);
        let right = history.commit_on("feature", Parents::Exactly(&[root]), &[("keys/a.pub", b"a")], &[]);
        let merge = history.commit_on("main", Parents::Exactly(&[left, right]), &[], &[]);
        let unrelated = history.commit_on("other", Parents::Exactly(&[]), &[("landfall.toml", b"3\n")], &[]);
        let source = history.open();
        let relation = |accepted, head| source.relation(accepted, head).unwrap();
        assert_eq!(relation(root, root), Relation::Same);
        assert_eq!(relation(root, merge), Relation::FastForward);
        assert_eq!(relation(left, merge), Relation::FastForward);
        assert_eq!(relation(merge, root), Relation::Behind);
        assert_eq!(relation(left, right), Relation::Diverged);
        // The feature's commits came in through the merge's second parent: nobody accepted the line they are on.
        assert_eq!(relation(right, merge), Relation::Diverged);
        assert_eq!(relation(unrelated, merge), Relation::Diverged);
        assert_eq!(relation(merge, unrelated), Relation::Diverged);
        let forgotten = CommitId([7; 20]);
        assert_eq!(relation(forgotten, merge), Relation::Diverged);
        assert_eq!(source.first_parents(merge, None).unwrap(), [merge, left, root]);
        assert_eq!(source.first_parents(merge, Some(root)).unwrap(), [merge, left]);
        assert_eq!(source.first_parents(merge, Some(merge)).unwrap(), []);
        assert_eq!(
            source.first_parents(merge, Some(right)),
            Err(SourceError::NotInHistory {
                from: merge,
                until: right
            })
        );
    }

    #[test]
    fn a_shallow_clone_is_an_error_only_where_its_history_is_needed() {
        let history = History::new();
        let first = history.commit(&[("landfall.toml", "1\n")]);
        let second = history.commit(&[("landfall.toml", "2\n")]);
        let third = history.commit(&[("landfall.toml", "3\n")]);
        fs::write(history.path().join("shallow"), format!("{second}\n")).unwrap();
        let source = history.open();
        assert_eq!(source.relation(second, third).unwrap(), Relation::FastForward);
        assert_eq!(source.first_parents(third, Some(second)).unwrap(), [third]);
        assert!(source.tree(second, &Roots::default()).is_ok());
        for error in [
            source.first_parents(third, None).map(drop).unwrap_err(),
            source.relation(first, third).map(drop).unwrap_err(),
            source.changes(second, &Roots::default()).map(drop).unwrap_err(),
        ] {
            assert!(matches!(&error, SourceError::Shallow { commit, .. } if *commit == second));
            assert!(error.to_string().contains("fetch-depth: 0"), "{error}");
        }
    }
}
