//! The module as its users see it: caching, older files, history, hostile input.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{CommitId, Digest, Limits, RepoPath, Severity, Tree, TreeFile};

const LANDFALL: &str = r#"version = 1
[targets.production]
public-name = "registry.example.com"
primary = "primary.example.com/images"
[projects.dns]
sources = ["staging.example.com/dns"]
targets = ["production"]
paths = ["dns"]
[projects.node]
sources = ["staging.example.com/node"]
targets = ["production"]
paths = ["node"]
"#;

fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

fn manifest(tag: &str, content: &str) -> String {
    format!("[images.a.tags]\n\"{tag}\" = \"{}\"\n", digest(content))
}

fn tree(number: u8, files: &[(&str, &str)]) -> Tree {
    Tree {
        commit: CommitId([number; 20]),
        files: files
            .iter()
            .map(|(path, text)| (RepoPath::from(*path), TreeFile::unstored(text.as_bytes())))
            .collect(),
    }
}

fn resolved(tree: &Tree, cache: &mut ParseCache, ledger: &Ledger, previous: Option<&Resolved>) -> Resolved {
    resolve(&parse(tree, cache).unwrap(), &Accepted { ledger }, previous)
}

#[test]
fn projects_that_did_not_change_are_the_same_allocation() {
    let mut cache = ParseCache::default();
    let ledger = Ledger::default();
    let (dns, node) = ("promotions/dns/a.toml", "promotions/node/a.toml");
    let (one, two) = (manifest("v1", "1"), manifest("v2", "2"));
    let before = resolved(
        &tree(1, &[("landfall.toml", LANDFALL), (dns, &one), (node, &one)]),
        &mut cache,
        &ledger,
        None,
    );
    let after = tree(2, &[("landfall.toml", LANDFALL), (dns, &one), (node, &two)]);
    // A cache that was lost costs time, not the allocation.
    for cache in [&mut cache, &mut ParseCache::default()] {
        let after = resolved(&after, cache, &ledger, Some(&before));
        let same = |index: usize| Arc::ptr_eq(&before.desired.projects[index], &after.desired.projects[index]);
        assert_eq!((same(0), same(1)), (true, false));
        assert!(Arc::ptr_eq(&before.desired.targets, &after.desired.targets));
    }
    let changed = format!("{LANDFALL}# changed\n");
    let changed = tree(3, &[("landfall.toml", &changed), (dns, &one), (node, &one)]);
    let after = resolved(&changed, &mut cache, &ledger, Some(&before));
    assert!(!Arc::ptr_eq(&before.desired.projects[0], &after.desired.projects[0]));
}

#[test]
fn what_is_held_in_an_unchanged_project_is_still_reported() {
    let mut cache = ParseCache::default();
    let ledger = Ledger::default();
    let (one, two) = (manifest("v1", "1"), manifest("v1", "2"));
    let dns = [("promotions/dns/a.toml", one.as_str()), ("promotions/dns/b.toml", &two)];
    let first = [&[("landfall.toml", LANDFALL)], &dns[..]].concat();
    let second = [&first[..], &[("promotions/node/a.toml", one.as_str())]].concat();
    let before = resolved(&tree(1, &first), &mut cache, &ledger, None);
    let after = resolved(&tree(2, &second), &mut cache, &ledger, Some(&before));
    assert_eq!(before.held.len(), 2);
    assert_eq!((&after.held, &after.diagnostics), (&before.held, &before.diagnostics));
}

#[test]
fn a_broken_project_takes_its_older_files_and_leaves_the_others_alone() {
    let mut cache = ParseCache::default();
    let (one, two) = (manifest("v1", "1"), manifest("v2", "2"));
    // Not even a landfall.toml is needed in the older commit.
    let older = tree(1, &[("landfall.toml", "broken"), ("promotions/dns/a.toml", &one)]);
    let broken = tree(2, &[("promotions/dns/a.toml", "broken")]);
    let head = tree(
        3,
        &[
            ("landfall.toml", LANDFALL),
            ("promotions/dns/a.toml", "broken"),
            ("promotions/dns/new.toml", &two),
            ("promotions/node/a.toml", &two),
        ],
    );
    let mut parsed = parse(&head, &mut cache).unwrap();
    assert_eq!(parsed.broken_projects().collect::<Vec<_>>(), ["dns"]);
    let accepted = Ledger::default();
    let unread = resolve(&parsed, &Accepted { ledger: &accepted }, None);
    assert_eq!(
        unread
            .desired
            .projects
            .iter()
            .map(|project| &*project.name)
            .collect::<Vec<_>>(),
        ["node"]
    );

    assert!(!parsed.substitute("dns", &broken, &mut cache));
    assert!(parsed.substitute("dns", &older, &mut cache));
    assert_eq!(parsed.broken_projects().count(), 0);
    assert!(
        !parsed.diagnostics().is_empty(),
        "what is broken at the head stays reported"
    );
    let resolved = resolve(&parsed, &Accepted { ledger: &accepted }, Some(&unread));
    let claims: Vec<_> = resolved
        .desired
        .projects
        .iter()
        .flat_map(|project| &project.claims)
        .collect();
    let digests: Vec<_> = claims.iter().map(|claim| claim.digest).collect();
    assert_eq!(digests, [Digest::of(b"1"), Digest::of(b"2")]);
}

#[test]
fn findings_about_older_files_say_so() {
    let mut cache = ParseCache::default();
    let foreign = format!("source = \"elsewhere.example.com\"\n{}", manifest("v1", "1"));
    let head = tree(2, &[("landfall.toml", LANDFALL), ("promotions/dns/a.toml", "broken")]);
    let mut parsed = parse(&head, &mut cache).unwrap();
    assert!(parsed.substitute("dns", &tree(1, &[("promotions/dns/a.toml", &foreign)]), &mut cache));
    let ledger = Ledger::default();
    let found = resolve(&parsed, &Accepted { ledger: &ledger }, None).diagnostics;
    assert!(
        found[0]
            .message
            .ends_with("(in commit 0101010101, whose files are used)"),
        "{}",
        found[0]
    );
}

#[test]
fn the_ledger_skips_projects_that_did_not_change() {
    let mut cache = ParseCache::default();
    let mut ledger = Ledger::default();
    let (one, two) = (manifest("v1", "1"), manifest("v2", "2"));
    let before = tree(
        1,
        &[
            ("landfall.toml", LANDFALL),
            ("promotions/dns/a.toml", &one),
            ("promotions/node/a.toml", &one),
        ],
    );
    let after = tree(
        2,
        &[
            ("landfall.toml", LANDFALL),
            ("promotions/dns/a.toml", &one),
            ("promotions/node/a.toml", &two),
        ],
    );
    let before = resolved(&before, &mut cache, &ledger, None);
    assert_eq!(ledger.record(&before.desired, None).len(), 2);
    let after = resolved(&after, &mut cache, &ledger, Some(&before));
    let entries = ledger.record(&after.desired, Some(&before.desired));
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].reference.to_string(), "registry.example.com/node/a");
    assert_eq!(entries[0].declaration.commit, CommitId([2; 20]));
    assert_eq!(ledger.record(&after.desired, None), []);
}

#[test]
fn held_claims_never_enter_the_ledger() {
    let mut cache = ParseCache::default();
    let mut ledger = Ledger::default();
    let at = |number, content: &str| {
        tree(
            number,
            &[
                ("landfall.toml", LANDFALL),
                ("promotions/dns/a.toml", &manifest("v1", content)),
            ],
        )
    };
    for (number, content) in [(1, "1"), (2, "2"), (3, "1")] {
        let resolved = resolved(&at(number, content), &mut cache, &ledger, None);
        assert_eq!(resolved.held.len(), usize::from(content == "2"));
        ledger.record(&resolved.desired, None);
    }
    let declared = ledger.declared(&"registry.example.com/dns/a".parse().unwrap(), &"v1".parse().unwrap());
    assert_eq!(
        declared.iter().map(|d| d.digest).collect::<Vec<_>>(),
        [Digest::of(b"1")]
    );
}

#[test]
fn files_over_the_limit_break_their_project_only() {
    let mut head = tree(
        1,
        &[
            ("landfall.toml", LANDFALL),
            ("promotions/node/a.toml", &manifest("v1", "1")),
        ],
    );
    let bytes = Limits::default().manifest_file as u64 + 1;
    head.files
        .insert("promotions/dns/a.toml".into(), TreeFile::TooLarge { bytes });
    let parsed = parse(&head, &mut ParseCache::default()).unwrap();
    assert_eq!(parsed.broken_projects().collect::<Vec<_>>(), ["dns"]);
    assert_eq!(parsed.diagnostics()[0].code, code::TOO_LARGE);
    head.files.insert("landfall.toml".into(), TreeFile::TooLarge { bytes });
    assert!(parse(&head, &mut ParseCache::default()).is_err());
}

#[test]
fn a_file_of_garbage_is_answered_briefly() {
    let garbage = "=\n".repeat(1 << 20);
    let head = tree(1, &[("landfall.toml", LANDFALL), ("promotions/dns/a.toml", &garbage)]);
    let parsed = parse(&head, &mut ParseCache::default()).unwrap();
    assert!(parsed.diagnostics().len() < 200);
    let wrong = format!(
        "[images.a.tags]\n{}",
        (0..5_000).map(|n| format!("\"v{n}\" = 1\n")).collect::<String>()
    );
    let head = tree(1, &[("landfall.toml", LANDFALL), ("promotions/dns/a.toml", &wrong)]);
    let parsed = parse(&head, &mut ParseCache::default()).unwrap();
    assert!(
        parsed
            .diagnostics()
            .iter()
            .any(|found| found.code == code::MORE_FINDINGS)
    );
}

#[test]
fn a_project_with_several_claims_of_one_image_puts_them_together_by_digest() {
    let text = format!(
        "[images.a.tags]\n\"v2\" = \"{one}\"\n\"v1\" = \"{one}\"\n[images.a]\nuntagged = [\"{one}\", \"{two}\"]\n",
        one = digest("1"),
        two = digest("2")
    );
    let head = tree(1, &[("landfall.toml", LANDFALL), ("promotions/dns/a.toml", &text)]);
    let resolved = resolved(&head, &mut ParseCache::default(), &Ledger::default(), None);
    let claims = &resolved.desired.projects[0].claims;
    let tags: Vec<Vec<_>> = claims
        .iter()
        .map(|claim| claim.tags.iter().map(ToString::to_string).collect())
        .collect();
    let lines: Vec<_> = claims.iter().map(|claim| claim.origin.line).collect();
    assert_eq!(tags, [vec!["v1", "v2"], vec![]]);
    assert_eq!(lines, [2, 5]);
}

/// Whatever stands in the files, parsing and resolving end with an answer, and every finding has a sound place.
fn survives(landfall: &[u8], manifest: &[u8]) -> Result<(), TestCaseError> {
    let head = Tree {
        commit: CommitId([1; 20]),
        files: [
            ("landfall.toml".into(), TreeFile::unstored(landfall)),
            ("promotions/dns/a.toml".into(), TreeFile::unstored(manifest)),
            ("keys/release.pub".into(), TreeFile::unstored(manifest)),
        ]
        .into(),
    };
    let found = match parse(&head, &mut ParseCache::default()) {
        Err(found) => {
            prop_assert!(found.iter().any(|found| found.severity == Severity::Error));
            found
        }
        Ok(parsed) => {
            let broken = parsed.broken_projects().count() > 0;
            let reported = parsed
                .diagnostics()
                .iter()
                .any(|found| found.severity == Severity::Error);
            prop_assert!(reported || !broken, "broken without a reason");
            let ledger = Ledger::default();
            let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
            [parsed.diagnostics(), &resolved.diagnostics].concat()
        }
    };
    for found in &found {
        prop_assert!(found.line >= 1 && found.column >= 1 && found.length >= 1);
        prop_assert!(code::ALL.contains(&found.code));
        prop_assert!(!found.message.contains(|c: char| c.is_control()));
    }
    Ok(())
}

/// A valid text with some of its bytes replaced, removed or repeated.
fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        0..text.len(),
        0..4_usize,
        prop_oneof!["[\\[\\]{}=.,\"'#\n \r\t]{1,3}", "\\PC{1,3}", "[a-z0-9:/.-]{1,6}"],
    );
    prop::collection::vec(edit, 1..5).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, removed, inserted) in edits {
            let start = at.min(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, inserted.into_bytes());
        }
        bytes
    })
}

const EVERYTHING: &str = include_str!("../../testdata/manifests/valid/whole/landfall.toml");
const MANIFEST: &str =
    include_str!("../../testdata/manifests/valid/several-tags-one-digest/promotions/dns/coredns.toml");

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered(landfall: Vec<u8>, manifest: Vec<u8>) {
        survives(&landfall, &manifest)?;
        survives(LANDFALL.as_bytes(), &manifest)?;
    }

    #[test]
    fn arbitrary_toml_is_answered(text in "([a-z.\"]{1,4} ?= ?[\\[{\"a0-9.,=]{0,5}[\\]}\"]{0,3}\n|\\[{1,2}[a-z.\"]{1,5}\\]{1,2}\n){0,8}") {
        survives(text.as_bytes(), text.as_bytes())?;
        survives(LANDFALL.as_bytes(), text.as_bytes())?;
    }

    #[test]
    fn mutated_manifests_are_answered(landfall in mutated(EVERYTHING), manifest in mutated(MANIFEST)) {
        survives(&landfall, &manifest)?;
        survives(LANDFALL.as_bytes(), &manifest)?;
    }
}
