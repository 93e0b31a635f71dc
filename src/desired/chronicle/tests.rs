//! A chronicle tells the same as its commits, each parsed and resolved whole.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::desired::{Accepted, ParseCache, parse, resolve};
use crate::model::{BlobId, Digest};

/// Files by path, as a commit would hold them.
type Files = BTreeMap<RepoPath, TreeFile>;

/// What one commit does.
#[derive(Debug, Clone)]
enum Change {
    Put(RepoPath, Option<TreeFile>),
    /// A file of ours comes to stand at another path.
    Move(RepoPath, RepoPath),
    /// Everything stands as it did so many commits ago.
    Revert(usize),
}

/// The rules of a landfall.toml, as far as histories vary in them.
#[derive(Debug, Clone)]
struct Rules {
    remark: u8,
    public_name: &'static str,
    mutable: &'static str,
    is_signed: bool,
    has_staging: bool,
    /// Those of project `a`.
    paths: &'static str,
    source: &'static str,
    /// Where project `c` writes: in the way of another, or not.
    path_of_c: Option<&'static str>,
    has_b: bool,
    retag: Option<(&'static str, u8)>,
    kpromo: Option<&'static str>,
}

impl Rules {
    const BEGINNING: Self = Self {
        remark: 0,
        public_name: "registry.example.com",
        mutable: "",
        is_signed: false,
        has_staging: false,
        paths: "[\"a\"]",
        source: "s.example.com/a",
        path_of_c: None,
        has_b: true,
        retag: None,
        kpromo: Some("."),
    };

    fn file(&self) -> TreeFile {
        let mut text = format!("# {}\nversion = 1\n", self.remark);
        let mut target = |name: &str, public_name: &str| {
            let _ = writeln!(
                text,
                "[targets.{name}]\npublic-name = \"{public_name}\"\nprimary = \"{name}.example.net/i\"\n{}",
                self.mutable
            );
            if self.is_signed {
                text.push_str("signer = \"s\"\n");
            }
        };
        target("production", self.public_name);
        let project = |name: &str, source: &str, paths: &str| {
            let (mut sources, mut targets) = (format!("\"{source}\""), "\"production\"".to_owned());
            if self.has_staging {
                sources.push_str(", \"target:staging\"");
                targets.push_str(", \"staging\"");
            }
            format!("[projects.{name}]\nsources = [{sources}]\ntargets = [{targets}]\npaths = {paths}\n")
        };
        let mut projects = project("a", self.source, self.paths);
        if self.has_b {
            projects += &project("b", "s.example.com/b", "[\"b\"]");
        }
        if let Some(path) = self.path_of_c {
            projects += &project("c", "s.example.com/c", path);
        }
        if self.has_staging {
            target("staging", "staging.example.com");
        }
        text += &projects;
        if self.is_signed {
            text += "[signers.s]\npublic-key = \"keys/s.pub\"\n";
        }
        if let Some((tag, content)) = self.retag {
            let _ = writeln!(
                text,
                "[[retags]]\nreference = \"{}/a/x\"\ntag = \"{tag}\"\ndigest = \"{}\"\nreason = \"it must\"",
                self.public_name,
                Digest::of(&[content])
            );
        }
        if let Some(root) = self.kpromo {
            let _ = writeln!(
                text,
                "[kpromo]\nroot = \"{root}\"\npublic-name = \"k.example.com\"\n\
                 [kpromo.endpoints]\nprimary = \"k1.example.com/i\"\neurope = \"k2.example.com/i\""
            );
        }
        regular(&text)
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let names = (
        0..2_u8,
        prop_oneof![4 => Just("registry.example.com"), 1 => Just("other.example.com")],
        prop_oneof![3 => Just(""), 1 => Just("mutable-tags = [\"latest\"]\n"), 1 => Just("mutable-tags = [\"v*\"]\n")],
        any::<bool>(),
        any::<bool>(),
    );
    let projects = (
        prop_oneof![4 => Just("[\"a\"]"), 1 => Just("[\"a\", \"a/y\"]"), 1 => Just("[\"z\"]")],
        prop_oneof![4 => Just("s.example.com/a"), 1 => Just("s.example.com/o")],
        prop_oneof![
            4 => Just(None), 1 => Just(Some("[\"c\"]")), 1 => Just(Some("[\"a/x\"]")), 1 => Just(Some("[\"a/y\"]")),
        ],
        prop_oneof![4 => Just(true), 1 => Just(false)],
        prop_oneof![3 => Just(None), 1 => tag_and_content().prop_map(Some)],
        prop_oneof![2 => Just(None), 3 => Just(Some(".")), 1 => Just(Some("elsewhere"))],
    );
    (names, projects).prop_map(
        |((remark, public_name, mutable, is_signed, has_staging), (paths, source, path_of_c, has_b, retag, kpromo))| {
            Rules {
                remark,
                public_name,
                mutable,
                is_signed,
                has_staging,
                paths,
                source,
                path_of_c,
                has_b,
                retag,
                kpromo,
            }
        },
    )
}

fn regular(text: &str) -> TreeFile {
    let mut blob = [0; 20];
    blob.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..20]);
    TreeFile::Regular {
        blob: BlobId(blob),
        bytes: text.as_bytes().into(),
    }
}

fn tag_and_content() -> impl Strategy<Value = (&'static str, u8)> {
    (prop_oneof![Just("v1"), Just("v2"), Just("latest")], 0..3_u8)
}

/// A manifest of ours: up to three images, one of which can be meant by another name.
fn manifest() -> impl Strategy<Value = TreeFile> {
    let route = prop_oneof![
        3 => Just(""),
        2 => Just("source = \"s.example.com/a\"\ntarget = \"staging\"\n"),
        2 => Just("source = \"s.example.com/a\"\ntarget = \"production\"\n"),
        2 => Just("source = \"target:staging\"\ntarget = \"production\"\n"),
    ];
    let name = prop_oneof![Just("x"), Just("y"), Just("y/x")];
    let tag = prop_oneof![Just("v1"), Just("v2"), Just("latest"), Just("bad+tag")];
    let content = prop_oneof![8 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    let image = (
        proptest::collection::btree_map(tag, content, 0..3),
        proptest::option::weighted(0.2, 0..3_u8),
        proptest::bool::weighted(0.05),
    );
    (route, proptest::collection::btree_map(name, image, 1..3)).prop_map(|(route, images)| {
        let mut text = route.to_owned();
        for (name, (tags, untagged, is_strange)) in images {
            if untagged.is_some() || is_strange {
                let _ = writeln!(text, "[images.\"{name}\"]");
            }
            if let Some(content) = untagged {
                let _ = writeln!(text, "untagged = [\"{}\", \"none\"]", Digest::of(&[content]));
            }
            if is_strange {
                text.push_str("strange = 1\n");
            }
            let _ = writeln!(text, "[images.\"{name}\".tags]");
            for (tag, content) in tags {
                let digest = content.map_or("sha256:63-digits".to_owned(), |content| {
                    Digest::of(&[content]).to_string()
                });
                let _ = writeln!(text, "\"{tag}\" = \"{digest}\"");
            }
        }
        regular(&text)
    })
}

fn path() -> impl Strategy<Value = RepoPath> {
    let paths = [
        "promotions/a/1.toml",
        "promotions/a/2.toml",
        "promotions/a/n/3.toml",
        "promotions/b/1.toml",
        "promotions/c/1.toml",
        "promotions/b/notes.md",
        "promotions/b",
    ];
    proptest::sample::select(paths.to_vec()).prop_map(RepoPath::from)
}

/// A change below kpromo's folders: two projects, one of which can come to claim what the other does.
fn kpromo_change() -> impl Strategy<Value = Change> {
    let project = prop_oneof![Just("m"), Just("n")];
    let registries =
        (project.clone(), prop_oneof![Just("x"), Just("y")], any::<bool>()).prop_map(|(project, path, both)| {
            let mut text = format!(
                "registries:\n- {{name: s.example.com/{project}, src: true}}\n- name: k1.example.com/i/{path}\n"
            );
            if both {
                text.push_str(&format!("- name: k2.example.com/i/{path}\n"));
            }
            (
                format!("manifests/{project}/promoter-manifest.yaml"),
                Some(regular(&text)),
            )
        });
    let tags = proptest::collection::vec(
        prop_oneof![Just("v1"), Just("v2"), Just("latest"), Just("bad+tag")],
        0..3,
    );
    let digest = prop_oneof![8 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    let image = (
        prop_oneof![3 => Just("x"), 1 => Just("y/x"), 2 => Just("y")],
        proptest::collection::btree_map(digest, tags, 0..3),
        proptest::bool::weighted(0.05),
    );
    let images = (project.clone(), proptest::collection::vec(image, 1..4)).prop_map(|(project, images)| {
        let mut text = String::new();
        for (name, digests, is_strange) in images {
            let _ = writeln!(text, "- name: {name}\n  dmap:");
            for (content, tags) in digests {
                let digest = content.map_or("sha256:63-digits".to_owned(), |content| {
                    Digest::of(&[content]).to_string()
                });
                let _ = writeln!(text, "    \"{digest}\": [{}]", tags.join(", "));
            }
            if is_strange {
                text.push_str("  strange: 1\n");
            }
        }
        (format!("images/{project}/images.yaml"), Some(regular(&text)))
    });
    let other =
        (project, prop_oneof![Just("manifests"), Just("images")], 0..3_u8).prop_map(|(project, folder, what)| {
            let name = if folder == "images" {
                "images.yaml"
            } else {
                "promoter-manifest.yaml"
            };
            match what {
                0 => (format!("{folder}/{project}/{name}"), Some(regular("[broken"))),
                1 => (format!("{folder}/{project}/{name}"), None),
                _ => (format!("{folder}/{project}/README.md"), Some(regular("read me"))),
            }
        });
    prop_oneof![3 => registries, 5 => images, 1 => other]
        .prop_map(|(path, file)| Change::Put(path.as_str().into(), file))
}

fn change() -> impl Strategy<Value = Change> {
    let file = prop_oneof![
        8 => manifest().prop_map(Some),
        1 => Just(Some(regular("broken"))),
        1 => Just(Some(TreeFile::Symlink)),
        2 => Just(None),
    ];
    let landfall = prop_oneof![
        10 => rules().prop_map(|rules| Some(rules.file())),
        1 => Just(Some(regular("broken"))),
        1 => Just(None),
    ];
    let odd = prop_oneof![Just("manifests"), Just("promotions")];
    let link = prop_oneof![Just(Some(TreeFile::Symlink)), Just(None)];
    prop_oneof![
        10 => (path(), file).prop_map(|(path, file)| Change::Put(path, file)),
        6 => kpromo_change(),
        5 => landfall.prop_map(|file| Change::Put("landfall.toml".into(), file)),
        1 => (odd, link).prop_map(|(path, file)| Change::Put(path.into(), file)),
        1 => (path(), path()).prop_map(|(from, to)| Change::Move(from, to)),
        1 => (1..4_usize).prop_map(Change::Revert),
    ]
}

/// The files after the last commit of `history` and these changes.
fn changed(history: &[Files], changes: Vec<Change>) -> Files {
    let mut files = history.last().cloned().unwrap_or_default();
    for change in changes {
        match change {
            Change::Put(path, Some(file)) => drop(files.insert(path, file)),
            Change::Put(path, None) => drop(files.remove(&path)),
            Change::Move(from, to) => {
                if let Some(file) = files.remove(&from) {
                    files.insert(to, file);
                }
            }
            Change::Revert(commits) => files = history[history.len().saturating_sub(commits + 1)].clone(),
        }
    }
    files
}

/// Where two commits differ, as Git would tell.
fn differences(before: &Files, after: &Files) -> Vec<(RepoPath, Option<TreeFile>)> {
    let paths: BTreeSet<&RepoPath> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(path) != after.get(path))
        .map(|path| (path.clone(), after.get(path).cloned()))
        .collect()
}

fn tree(number: u8, files: &Files) -> Tree {
    Tree {
        commit: CommitId([number; 20]),
        files: files.clone(),
    }
}

fn beginning() -> Files {
    let text = |text: &str| regular(text);
    Files::from([
        ("landfall.toml".into(), Rules::BEGINNING.file()),
        (
            "keys/s.pub".into(),
            text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        ),
        (
            "manifests/m/promoter-manifest.yaml".into(),
            text("registries: [{name: s.example.com/m, src: true}, {name: k1.example.com/i/x}]"),
        ),
        ("images/m/images.yaml".into(), text("[]")),
    ])
}

proptest! {
    /// However a history goes, its ledger is the one that whole commits make.
    #[test]
    fn the_ledger_is_that_of_whole_commits(
        commits in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 1..16),
        resumed in 0..16_usize,
    ) {
        let mut history = vec![beginning()];
        let mut whole = Ledger::default();
        let mut chronicle = Chronicle::new(Ledger::default(), None);
        chronicle.advance(CommitId([0; 20]), differences(&Files::new(), &history[0]));
        for (number, changes) in (1..).zip(commits) {
            let files = changed(&history, changes);
            let tree = tree(number, &files);
            let mut expected = Vec::new();
            if let Ok(parsed) = parse(&tree, &mut ParseCache::default()) {
                let resolved = resolve(&parsed, &Accepted { ledger: &whole }, None);
                expected = whole.record(&resolved.desired, None);
            }
            let entries = chronicle.advance(tree.commit, differences(&history[history.len() - 1], &files));
            prop_assert_eq!(entries, expected);
            if usize::from(number) == resumed {
                chronicle = Chronicle::new(chronicle.into_ledger(), Some(tree));
            }
            history.push(files);
        }
        prop_assert_eq!(chronicle.into_ledger(), whole);
    }
}
