use std::fs;
use std::path::PathBuf;

use super::*;
use crate::source::testing::History;
use crate::source::{Options, Source, blob_id};

/// A commit whose root tree is `tree`.
fn commit_tree(history: &History, tree: ObjectId) -> CommitId {
    let repository = history.gix();
    let signature = gix::actor::SignatureRef {
        name: "A".into(),
        email: "a@example.com".into(),
        time: "0 +0000",
    };
    let commit = repository
        .new_commit_as(signature, signature, "by hand", tree, None::<ObjectId>)
        .unwrap();
    CommitId(sha1(&commit.id))
}

fn write_tree(history: &History, entries: &[(&str, EntryKind, ObjectId)]) -> ObjectId {
    let entries = entries
        .iter()
        .map(|(name, kind, id)| gix::objs::tree::Entry {
            mode: (*kind).into(),
            filename: (*name).into(),
            oid: *id,
        })
        .collect();
    history
        .gix()
        .write_object(gix::objs::Tree { entries })
        .unwrap()
        .detach()
}

fn write_blob(history: &History, bytes: &[u8]) -> ObjectId {
    history.gix().write_blob(bytes).unwrap().detach()
}

fn loose(history: &History, id: &gix::oid) -> PathBuf {
    let hex = id.to_string();
    history.path().join("objects").join(&hex[..2]).join(&hex[2..])
}

fn limited(limits: Limits) -> Options {
    Options {
        limits,
        ..Options::default()
    }
}

#[test]
fn only_what_landfall_reads_is_read() {
    let history = History::new();
    let head = history.commit(&[
        ("landfall.toml", "version = 1\n"),
        ("keys/a.pub", "a"),
        ("trust/b.json", "b"),
        ("promotions/dns/c.toml", "c"),
        ("README.md", "d"),
        ("other/promotions/e.toml", "e"),
    ]);
    let tree = history.open().tree(head, &Roots::default()).unwrap();
    let paths: Vec<_> = tree.files.keys().map(RepoPath::as_str).collect();
    assert_eq!(
        paths,
        ["keys/a.pub", "landfall.toml", "promotions/dns/c.toml", "trust/b.json"]
    );
}

#[test]
fn links_are_named_and_submodules_left_out() {
    let history = History::new();
    let blob = write_blob(&history, b"../../etc/passwd");
    let inner = write_tree(
        &history,
        &[("a.toml", EntryKind::Link, blob), ("sub", EntryKind::Commit, blob)],
    );
    let root = write_tree(
        &history,
        &[("keys", EntryKind::Link, blob), ("promotions", EntryKind::Tree, inner)],
    );
    let tree = history
        .open()
        .tree(commit_tree(&history, root), &Roots::default())
        .unwrap();
    let expected = [("keys", TreeFile::Symlink), ("promotions/a.toml", TreeFile::Symlink)];
    let expected = expected.map(|(path, file)| (RepoPath::from(path), file));
    assert_eq!(tree.files, BTreeMap::from(expected));
}

#[test]
fn a_file_over_the_limit_is_told_by_its_size() {
    let history = History::new();
    let head = history.commit(&[("promotions/a.toml", "12345")]);
    let source = history.open_with(limited(Limits {
        manifest_file: 4,
        ..Limits::default()
    }));
    let tree = source.tree(head, &Roots::default()).unwrap();
    assert_eq!(tree.files[&"promotions/a.toml".into()], TreeFile::TooLarge { bytes: 5 });
}

#[test]
fn names_that_leave_the_folder_and_names_that_stand_twice_are_refused() {
    let history = History::new();
    let blob = write_blob(&history, b"x");
    let (file, folder) = (EntryKind::Blob, EntryKind::Tree);
    for (entries, what) in [
        (&[("..", file, blob)][..], "`..`"),
        (&[("a/b", file, blob)], "`a/b`"),
        (&[(".git", file, blob)], "`.git`"),
        (&[("a", file, blob), ("a", file, blob)], "`a` twice"),
    ] {
        let inner = write_tree(&history, entries);
        let commit = commit_tree(&history, write_tree(&history, &[("promotions", folder, inner)]));
        let error = history.open().tree(commit, &Roots::default()).unwrap_err();
        assert!(matches!(error, SourceError::Corrupt { .. }));
        assert!(error.to_string().contains(what), "{error}");
        assert!(history.open().changes(commit, &Roots::default()).is_err());
    }
}

#[test]
fn a_tree_that_unfolds_without_end_is_refused() {
    let history = History::new();
    let mut tree = write_tree(&history, &[("x", EntryKind::Blob, write_blob(&history, b"x"))]);
    // Ten levels of ten times the same folder: 10^10 files from twelve objects.
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let entries: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), EntryKind::Tree, tree))
            .collect();
        tree = write_tree(&history, &entries);
    }
    let commit = commit_tree(&history, write_tree(&history, &[("promotions", EntryKind::Tree, tree)]));
    let limits = Limits {
        tree_files: 1_000,
        ..Limits::default()
    };
    let source = history.open_with(limited(limits));
    let limit = |result: Result<(), SourceError>| match result {
        Err(SourceError::TooLarge { limit, what, .. }) => (limit, what),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        limit(source.tree(commit, &Roots::default()).map(drop)),
        (1_000, "files")
    );
    assert_eq!(
        limit(source.changes(commit, &Roots::default()).map(drop)),
        (1_000, "files")
    );
    let limits = Limits {
        tree_depth: 5,
        ..Limits::default()
    };
    let source = history.open_with(limited(limits));
    assert_eq!(
        limit(source.tree(commit, &Roots::default()).map(drop)),
        (5, "levels of folders")
    );
    assert_eq!(
        limit(source.changes(commit, &Roots::default()).map(drop)),
        (5, "levels of folders")
    );
    let limits = Limits {
        tree_bytes: 10,
        ..Limits::default()
    };
    let source = history.open_with(limited(limits));
    assert_eq!(limit(source.tree(commit, &Roots::default()).map(drop)), (10, "bytes"));
}

#[test]
fn damage_on_disk_is_not_content() {
    let history = History::new();
    let head = history.commit(&[("landfall.toml", "version = 1\n")]);
    let (one, other) = (
        write_blob(&history, b"version = 1\n"),
        write_blob(&history, b"version = 2\n"),
    );
    let (one, other) = (loose(&history, &one), loose(&history, &other));
    fs::remove_file(&one).unwrap();
    let missing = history.open().tree(head, &Roots::default()).unwrap_err();
    assert!(matches!(
        missing,
        SourceError::MissingObject {
            kind: "file content",
            ..
        }
    ));
    fs::copy(&other, &one).unwrap();
    let swapped = history.open().tree(head, &Roots::default()).unwrap_err();
    assert!(matches!(swapped, SourceError::Corrupt { .. }), "{swapped}");
    fs::remove_file(&one).unwrap();
    fs::write(&one, b"no zlib stream").unwrap();
    let garbage = history.open().tree(head, &Roots::default()).unwrap_err();
    assert!(matches!(garbage, SourceError::Corrupt { .. }), "{garbage}");
}

#[test]
fn names_that_are_not_utf8_are_kept_apart() {
    let history = History::new();
    let blob = write_blob(&history, b"x");
    let entry = |name: &[u8]| gix::objs::tree::Entry {
        mode: EntryKind::Blob.into(),
        filename: name.into(),
        oid: blob,
    };
    let entries = vec![entry(b"\xfe"), entry(b"\xff")];
    let inner = history
        .gix()
        .write_object(gix::objs::Tree { entries })
        .unwrap()
        .detach();
    let commit = commit_tree(
        &history,
        write_tree(&history, &[("promotions", EntryKind::Tree, inner)]),
    );
    assert_eq!(history.open().tree(commit, &Roots::default()).unwrap().files.len(), 2);
}

#[test]
fn what_a_work_tree_holds_is_not_read_from_the_repository() {
    let history = History::new();
    let (text, other) = ("version = 1\n", "version = 2\n");
    let head = history.commit(&[("landfall.toml", text), ("keys/a.pub", "a")]);
    let source = history.open();
    fs::remove_file(loose(&history, &write_blob(&history, text.as_bytes()))).unwrap();
    let work_tree = |text: &str| Tree {
        commit: CommitId([0; 20]),
        files: [(
            RepoPath::from("landfall.toml"),
            TreeFile::Regular {
                blob: blob_id(text.as_bytes()).unwrap(),
                bytes: text.as_bytes().into(),
            },
        )]
        .into(),
    };
    source.remember(&work_tree(other));
    assert!(source.tree(head, &Roots::default()).is_err());
    source.remember(&work_tree(text));
    assert_eq!(source.tree(head, &Roots::default()).unwrap().files.len(), 2);
}

#[test]
fn contents_read_before_are_shared() {
    let history = History::new();
    let first = history.commit(&[("promotions/a.toml", "1"), ("promotions/b.toml", "1b")]);
    let second = history.commit(&[("promotions/a.toml", "2")]);
    let source = history.open();
    let (first, second) = (
        source.tree(first, &Roots::default()).unwrap(),
        source.tree(second, &Roots::default()).unwrap(),
    );
    let bytes = |tree: &Tree, path: &str| match &tree.files[&path.into()] {
        TreeFile::Regular { bytes, .. } => bytes.clone(),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(
        &bytes(&first, "promotions/b.toml"),
        &bytes(&second, "promotions/b.toml")
    ));
    assert_eq!(&*bytes(&second, "promotions/a.toml"), b"2");
}
