//! Each kind of difference, and what must not be one.

mod claims;
mod merging;
mod settings;

use std::collections::BTreeMap;

use super::*;
use crate::desired::{Accepted, Ledger, ParseCache, code, parse, resolve};
use crate::model::{CommitId, Digest, RepoPath, Severity, Tree, TreeFile};

const RULES: &str = r#"version = 1

[targets.production]
public-name = "registry.example.com"
primary = "primary.example.com/images"
signer = "release"
policy = "lax"
mutable-tags = ["latest"]
drift = "repair"

[targets.production.mirrors]
europe = "europe.example.com/images"

[projects.dns]
sources = ["staging.example.com/dns"]
targets = ["production"]
paths = ["dns"]

[projects.node]
sources = ["staging.example.com/node"]
targets = ["production"]
paths = ["node"]
endpoints = ["primary"]

[signers.release]
public-key = "keys/release.pub"
previous = ["keys/old.pub"]

[signers.other]
public-key = "keys/other.pub"

[policies.lax.signature]
mode = "off"

[policies.other.signature]
mode = "off"
"#;

pub(super) type Files = BTreeMap<String, String>;

pub(super) fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

pub(super) fn key(of: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{of}\n-----END PUBLIC KEY-----\n")
}

fn base() -> Files {
    let tags = |tags: &[(&str, &str)]| -> String {
        tags.iter()
            .map(|(tag, content)| format!("\"{tag}\" = \"{}\"\n", digest(content)))
            .collect()
    };
    let coredns = tags(&[("latest", "2"), ("v1", "1"), ("v2", "2")]);
    let untagged = digest("untagged");
    [
        ("landfall.toml", RULES.to_owned()),
        ("keys/release.pub", key("AAAA")),
        ("keys/old.pub", key("BBBB")),
        ("keys/other.pub", key("CCCC")),
        (
            "promotions/dns/coredns.toml",
            format!("[images.coredns]\nuntagged = [\"{untagged}\"]\n\n[images.coredns.tags]\n{coredns}"),
        ),
        (
            "promotions/node/node.toml",
            format!("[images.node.tags]\n{}", tags(&[("v1", "1")])),
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

fn tree(commit: u8, files: &Files) -> Tree {
    let file = |text: &String| TreeFile::unstored(text.as_bytes());
    Tree {
        commit: CommitId([commit; 20]),
        files: files
            .iter()
            .map(|(path, text)| (RepoPath::from(path.as_str()), file(text)))
            .collect(),
    }
}

/// What a reviewer is told about a change that began at `ancestor` and is merged into `base`.
pub(super) fn reviewed(ancestor: &Files, base: &Files, head: &Files) -> Review {
    let merged = merge(&Sides {
        ancestor: &tree(1, ancestor),
        base: &tree(2, base),
        head: &tree(3, head),
    });
    let mut cache = ParseCache::default();
    let mut ledger = Ledger::default();
    for tree in [tree(1, ancestor), tree(2, base)] {
        let parsed = parse(&tree, &mut cache).unwrap();
        let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
        ledger.record(&resolved.desired, None);
    }
    let accepted = Accepted { ledger: &ledger };
    let before = parse(&merged.before, &mut cache).unwrap();
    let after = parse(&merged.after, &mut cache).unwrap();
    let resolved_before = resolve(&before, &accepted, None);
    let resolved_after = resolve(&after, &accepted, Some(&resolved_before));
    review(
        &merged,
        Some(&Side {
            parsed: &before,
            resolved: &resolved_before,
        }),
        &Side {
            parsed: &after,
            resolved: &resolved_after,
        },
        &ledger,
    )
}

pub(super) fn edited(files: &Files, path: &str, from: &str, to: &str) -> Files {
    let mut files = files.clone();
    let text = files.get_mut(path).unwrap();
    assert!(text.contains(from), "{path} has no {from:?}");
    *text = text.replacen(from, to, 1);
    files
}

fn change(path: &str, from: &str, to: &str) -> Review {
    let base = base();
    reviewed(&base, &base, &edited(&base, path, from, to))
}

fn rules(from: &str, to: &str) -> Review {
    change("landfall.toml", from, to)
}

/// Code and place of each finding.
pub(super) fn found(review: &Review) -> Vec<(&'static str, String)> {
    let place = |found: &crate::model::Diagnostic| (found.code, format!("{}:{}", found.file, found.line));
    review.diagnostics.iter().map(place).collect()
}

fn one(code: &'static str, place: &str) -> Vec<(&'static str, String)> {
    vec![(code, place.to_owned())]
}

#[test]
fn a_change_of_comments_is_nothing_to_look_at() {
    let review = rules("version = 1\n", "# the same\nversion = 1\n");
    assert_eq!((found(&review), review.changes), (vec![], vec![]));
}
