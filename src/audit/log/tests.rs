//! Histories, and what is told of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Event, LogEntry, read};
use crate::desired::Ledger;
use crate::model::{CommitId, Digest};
use crate::reconcile::history;
use crate::source::author::{self, Identity, Layout, NewCommit, Parents};
use crate::source::{GitRepository, Options};

const RULES: &str = r#"version = 1

[targets.production]
public-name = "registry.example.com"
primary = "primary.example.com/images"
mutable-tags = ["latest"]

[projects.dns]
sources = ["staging.example.com/dns"]
targets = ["production"]
paths = ["dns"]
"#;

const COREDNS: &str = "promotions/dns/coredns.toml";

fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

fn manifest(image: &str, tags: &[(&str, &str)]) -> String {
    let lines = tags
        .iter()
        .map(|(tag, content)| format!("\"{tag}\" = \"{}\"\n", digest(content)));
    format!("[images.{image}.tags]\n{}", lines.collect::<String>())
}

struct History {
    folder: TempDir,
    commits: i64,
}

impl History {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        author::init(folder.path(), Layout::Bare, "main").unwrap();
        Self { folder, commits: 0 }
    }

    fn commit(&mut self, files: &[(&str, &str)], remove: &[&str]) -> CommitId {
        self.commits += 1;
        let write: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        NewCommit {
            branch: "main",
            parents: Parents::Tip,
            write: &write,
            remove,
            message: "Change\n\nReviewed-by: Bo <bo@example.com>\n",
            author: Identity {
                name: "Ada",
                mail: "ada@example.com",
            },
            time: Timestamp::from_second(1_700_000_000 + self.commits).unwrap(),
        }
        .write_to(self.folder.path())
        .unwrap()
    }

    fn open(&self) -> GitRepository {
        GitRepository::open(self.folder.path(), Options::default()).unwrap()
    }

    fn log(&self, head: CommitId) -> Vec<LogEntry> {
        read(&self.open(), head, None).unwrap()
    }

    /// What the newest commit changed; told alike when the log goes on from the commit before.
    fn last(&self, head: CommitId, before: CommitId) -> Vec<String> {
        let source = self.open();
        let mut ledger = Ledger::default();
        history::declare(&source, before, None, &mut ledger).unwrap();
        let known: Vec<LogEntry> = read(&source, head, Some((before, ledger))).unwrap();
        let all = self.log(head);
        let newest: Vec<LogEntry> = all.into_iter().filter(|entry| entry.commit == head).collect();
        assert_eq!(newest, known);
        newest.iter().flat_map(|entry| &entry.events).map(shown).collect()
    }
}

/// Digests shortened to what they are of.
fn shown(event: &Event) -> String {
    let mut text = format!("{} {}", event.kind, event.subject());
    for part in [&event.before, &event.after, &event.reason].into_iter().flatten() {
        text.push_str(" | ");
        text.push_str(part);
    }
    if let (Some(file), Some(line)) = (&event.file, event.line) {
        text.push_str(&format!(" ({file}:{line})"));
    }
    for content in ["1", "2", "3"] {
        text = text.replace(&digest(content), content);
    }
    text
}

#[test]
fn promotions_moves_and_removals_are_told_with_their_lines() {
    let mut history = History::new();
    let first = history.commit(
        &[
            ("landfall.toml", RULES),
            (COREDNS, &manifest("coredns", &[("v1", "1"), ("latest", "1")])),
        ],
        &[],
    );
    let entry = &history.log(first)[0];
    let events: Vec<String> = entry.events.iter().map(shown).collect();
    insta::assert_debug_snapshot!(events);
    assert_eq!(entry.reviews, ["Reviewed-by: Bo <bo@example.com>"]);
    let second = history.commit(&[(COREDNS, &manifest("coredns", &[("latest", "2"), ("v2", "2")]))], &[]);
    insta::assert_debug_snapshot!(history.last(second, first));
    let third = history.commit(&[], &[COREDNS]);
    insta::assert_debug_snapshot!(history.last(third, second));
}

#[test]
fn rules_keys_and_retags_are_entries_of_their_own() {
    let mut history = History::new();
    let first = history.commit(
        &[
            ("landfall.toml", RULES),
            (COREDNS, &manifest("coredns", &[("v1", "1")])),
        ],
        &[],
    );
    let retag = format!(
        "{}\n[[retags]]\nreference = \"registry.example.com/dns/coredns\"\ntag = \"v1\"\ndigest = \"{}\"\nreason = \"wrong branch\"\n",
        RULES.replace("[\"staging.example.com/dns\"]", "[\"staging.example.com\"]"),
        digest("2")
    );
    let files = [
        ("landfall.toml", retag.as_str()),
        (COREDNS, &manifest("coredns", &[("v1", "2")])),
        ("keys/release.pub", "no key"),
    ];
    let second = history.commit(&files, &[]);
    insta::assert_debug_snapshot!(history.last(second, first));
    let third = history.commit(&[("landfall.toml", RULES)], &["keys/release.pub"]);
    insta::assert_debug_snapshot!(history.last(third, second));
}

#[test]
fn what_is_refused_held_or_cannot_be_read_changes_nothing_that_is_asked_for() {
    let mut history = History::new();
    let first = history.commit(
        &[
            ("landfall.toml", RULES),
            (COREDNS, &manifest("coredns", &[("v1", "1")])),
        ],
        &[],
    );
    let moved = history.commit(&[(COREDNS, &manifest("coredns", &[("v1", "2")]))], &[]);
    assert_eq!(
        history.last(moved, first),
        ["held registry.example.com/dns/coredns:v1 | 1 | 2 | immutable-tag (promotions/dns/coredns.toml:2)"]
    );
    let back = history.commit(&[(COREDNS, &manifest("coredns", &[("v1", "1")]))], &[]);
    assert_eq!(
        history.last(back, moved),
        ["promoted registry.example.com/dns/coredns:v1 | 1 | it was held (promotions/dns/coredns.toml:2)"]
    );
    let refused = history.commit(&[("landfall.toml", "version = 2\n")], &[]);
    assert!(history.last(refused, back)[0].starts_with("refused landfall.toml"));
    let broken = history.commit(&[("landfall.toml", RULES), (COREDNS, "broken")], &[]);
    let told = history.last(broken, refused);
    assert!(told.len() == 1 && told[0].starts_with("unreadable "), "{told:?}");
    let other = history.commit(
        &[("promotions/dns/other.toml", &manifest("other", &[("v1", "3")]))],
        &[],
    );
    assert_eq!(history.last(other, broken), [""; 0]);
    let mended = history.commit(&[(COREDNS, &manifest("coredns", &[("v1", "1"), ("v2", "2")]))], &[]);
    assert_eq!(
        history.last(mended, other),
        [
            "promoted registry.example.com/dns/coredns:v2 | 2 (promotions/dns/coredns.toml:3)",
            "promoted registry.example.com/dns/other:v1 | 3 (promotions/dns/other.toml:2)",
        ]
    );
}

#[test]
fn a_project_that_is_renamed_hands_its_images_over() {
    let mut history = History::new();
    let text = manifest("coredns", &[("v1", "1")]);
    let first = history.commit(&[("landfall.toml", RULES), (COREDNS, &text)], &[]);
    let renamed = RULES.replace("[projects.dns]", "[projects.names]");
    let files = [
        ("landfall.toml", renamed.as_str()),
        ("promotions/names/coredns.toml", &text),
    ];
    let second = history.commit(&files, &["promotions/dns"]);
    let told = history.last(second, first);
    let images: Vec<&String> = told.iter().filter(|event| !event.starts_with("grant ")).collect();
    assert_eq!(
        images,
        ["handed-over registry.example.com/dns/coredns:v1 | 1 | from project dns (promotions/names/coredns.toml:2)"]
    );
}
