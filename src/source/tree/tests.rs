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
fn links_and_submodules_are_named() {
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
    let expected = [
        ("keys", TreeFile::Symlink),
        ("promotions/a.toml", TreeFile::Symlink),
        ("promotions/sub", TreeFile::Submodule),
    ];
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
    let commit_of = |inner| {
        let root = write_tree(&history, &[("promotions", EntryKind::Tree, inner)]);
        commit_tree(&history, root)
    };
    let commit = commit_of(write_tree(&history, &[("dns", EntryKind::Tree, tree)]));
    let read = |limits: Limits| {
        let source = history.open_with(limited(limits));
        assert_eq!(source.changes(commit, &Roots::default()).unwrap(), []);
        source.tree(commit, &Roots::default()).unwrap().files
    };
    let told = |limit, what| BTreeMap::from([("promotions/dns".into(), TreeFile::Excessive { limit, what })]);
    assert_eq!(read(Limits::default()), told(50_000, "files and folders"));
    let shallow = Limits {
        tree_depth: 5,
        ..Limits::default()
    };
    assert_eq!(read(shallow), told(5, "levels of folders"));
}

#[test]
fn a_project_with_too_much_in_it_stands_alone() {
    let history = History::new();
    let large = "x".repeat(60);
    let head = history.commit(&[
        ("promotions/a/1.toml", &large),
        ("promotions/a/2.toml", &large),
        ("promotions/b/1.toml", "1"),
        ("promotions/b/notes.md", &large),
        ("promotions/b/more.md", &large),
    ]);
    let source = history.open_with(limited(Limits {
        project_bytes: 100,
        ..Limits::default()
    }));
    let files = source.tree(head, &Roots::default()).unwrap().files;
    assert_eq!(
        files[&"promotions/a".into()],
        TreeFile::Excessive {
            limit: 100,
            what: "bytes of manifests"
        }
    );
    // What is no manifest counts for nothing.
    assert!(matches!(files[&"promotions/b/1.toml".into()], TreeFile::Regular { .. }));
    assert_eq!(files[&"promotions/b/notes.md".into()], TreeFile::Other);
    assert_eq!(files.len(), 4);
}

#[test]
fn a_folder_of_millions_of_names_is_not_unpacked() {
    let history = History::new();
    let blob = write_blob(&history, b"x");
    let names: Vec<String> = (0..400_000).map(|number| format!("{number:07}")).collect();
    let entries: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), EntryKind::Blob, blob))
        .collect();
    let huge = write_tree(&history, &entries);
    let project = write_tree(&history, &[("dns", EntryKind::Tree, huge)]);
    let promotions = commit_tree(
        &history,
        write_tree(&history, &[("promotions", EntryKind::Tree, project)]),
    );
    let all = commit_tree(&history, write_tree(&history, &[("promotions", EntryKind::Tree, huge)]));
    let root = commit_tree(&history, huge);
    for (commit, path) in [
        (promotions, "promotions/dns"),
        (all, "promotions"),
        (root, "landfall.toml"),
    ] {
        let files = history.open().tree(commit, &Roots::default()).unwrap().files;
        assert_eq!(files.keys().map(RepoPath::as_str).collect::<Vec<_>>(), [path]);
        assert!(matches!(files[&path.into()], TreeFile::Excessive { .. }));
    }
}

#[test]
fn what_stands_in_the_way_of_a_folder_is_told_in_place_of_it() {
    let history = History::new();
    let blob = write_blob(&history, b"x");
    let root = write_tree(&history, &[("registry", EntryKind::Commit, blob)]);
    let commit = commit_tree(&history, root);
    let roots: Roots = [RepoPath::from("registry/manifests")].into_iter().collect();
    let files = history.open().tree(commit, &roots).unwrap().files;
    assert_eq!(
        files,
        BTreeMap::from([("registry/manifests".into(), TreeFile::Submodule)])
    );
    let below = history.open_with(Options {
        folder: SubPath::parse("registry").unwrap(),
        ..Options::default()
    });
    let files = below.tree(commit, &Roots::default()).unwrap().files;
    assert_eq!(files, BTreeMap::from([("landfall.toml".into(), TreeFile::Submodule)]));
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
