//! Each kind of difference, and what must not be one.

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

#[test]
fn a_new_tag_is_a_change_and_no_finding() {
    let line = format!("\"v3\" = \"{}\"\n", digest("3"));
    let review = change("promotions/dns/coredns.toml", "\"v2\"", &format!("{line}\"v2\""));
    assert_eq!(found(&review), []);
    let [added] = &review.changes[..] else {
        panic!("{:?}", review.changes)
    };
    assert_eq!(added.reference.to_string(), "registry.example.com/dns/coredns");
    assert_eq!((added.before, added.after), (None, Some(Digest::of(b"3"))));
    assert_eq!((added.file.as_str(), added.line), ("promotions/dns/coredns.toml", 7));
}

#[test]
fn mutable_tags_move_and_go_without_remark() {
    let (v1, v2) = (digest("1"), digest("2"));
    let moved = change(
        "promotions/dns/coredns.toml",
        &format!("\"latest\" = \"{v2}\""),
        &format!("\"latest\" = \"{v1}\""),
    );
    assert_eq!(found(&moved), []);
    assert_eq!(moved.changes[0].before, Some(Digest::of(b"2")));
    let gone = change("promotions/dns/coredns.toml", &format!("\"latest\" = \"{v2}\"\n"), "");
    assert_eq!((found(&gone).len(), gone.changes.len()), (0, 1));
}

#[test]
fn an_immutable_tag_that_moves_is_an_error_and_is_not_dropped() {
    let (v1, v2) = (digest("1"), digest("2"));
    let review = change(
        "promotions/dns/coredns.toml",
        &format!("\"v1\" = \"{v1}\""),
        &format!("\"v1\" = \"{v2}\""),
    );
    assert_eq!(
        found(&review),
        one(code::IMMUTABLE_TAG, "promotions/dns/coredns.toml:6")
    );
    assert_eq!(review.changes, []);
}

#[test]
fn a_retag_is_listed_with_its_reason_and_where_the_tag_moves() {
    let base = base();
    let (v1, v2) = (digest("1"), digest("2"));
    let moved = edited(
        &base,
        "promotions/dns/coredns.toml",
        &format!("\"v1\" = \"{v1}\""),
        &format!("\"v1\" = \"{v2}\""),
    );
    let retag = format!(
        "\n[[retags]]\nreference = \"registry.example.com/dns/coredns\"\ntag = \"v1\"\ndigest = \"{v2}\"\nreason = \"rebuilt\"\n"
    );
    let head = edited(
        &moved,
        "landfall.toml",
        "\n[policies.other",
        &format!("{retag}\n[policies.other"),
    );
    let review = reviewed(&base, &base, &head);
    assert_eq!(
        found(&review),
        [
            (code::RETAG, "landfall.toml:36".to_owned()),
            (code::TAG_MOVED, "promotions/dns/coredns.toml:6".to_owned())
        ]
    );
    assert!(
        review.diagnostics[0].message.ends_with(": `rebuilt`"),
        "{}",
        review.diagnostics[0]
    );
}

#[test]
fn what_is_dropped_is_reported_where_it_stood() {
    let v1 = format!("\"v1\" = \"{}\"\n", digest("1"));
    let review = change("promotions/dns/coredns.toml", &v1, "");
    assert_eq!(found(&review), one(code::TAG_DROPPED, "promotions/dns/coredns.toml:6"));
    let untagged = format!("untagged = [\"{}\"]\n", digest("untagged"));
    let review = change("promotions/dns/coredns.toml", &untagged, "");
    assert_eq!(
        found(&review),
        one(code::DIGEST_DROPPED, "promotions/dns/coredns.toml:2")
    );
    let mut head = base();
    head.remove("promotions/node/node.toml");
    assert_eq!(
        found(&reviewed(&base(), &base(), &head)),
        one(code::TAG_DROPPED, "promotions/node/node.toml:1")
    );
}

#[test]
fn a_line_that_moves_to_another_file_is_not_dropped() {
    let v1 = format!("\"v1\" = \"{}\"\n", digest("1"));
    let mut head = edited(&base(), "promotions/dns/coredns.toml", &v1, "");
    head.insert(
        "promotions/dns/old.toml".to_owned(),
        format!("[images.coredns.tags]\n{v1}"),
    );
    let review = reviewed(&base(), &base(), &head);
    assert_eq!((found(&review), review.changes), (vec![], vec![]));
}

#[test]
fn a_tag_that_was_dropped_before_cannot_come_back_with_another_digest() {
    let v1 = format!("\"v1\" = \"{}\"\n", digest("1"));
    let without = edited(&base(), "promotions/dns/coredns.toml", &v1, "");
    let other = edited(&base(), "promotions/dns/coredns.toml", &digest("1"), &digest("3"));
    let review = reviewed(
        &base(),
        &without,
        &edited(
            &without,
            "promotions/dns/coredns.toml",
            "[images.coredns.tags]\n",
            &format!("[images.coredns.tags]\n\"v1\" = \"{}\"\n", digest("3")),
        ),
    );
    // The change began before the tag was dropped, so that Git sees two changes of one place.
    assert!(
        found(&review).contains(&(code::IMMUTABLE_TAG, "promotions/dns/coredns.toml:5".to_owned())),
        "{:?}",
        found(&review)
    );
    let again = reviewed(&without, &without, &other);
    assert!(
        found(&again).is_empty(),
        "it was never declared on this line of history: {:?}",
        found(&again)
    );
}

#[test]
fn weaker_settings_are_shown_where_they_stand() {
    for (from, to, code, place) in [
        (
            "drift = \"repair\"",
            "drift = \"report\"",
            code::SETTING_WEAKENED,
            "landfall.toml:9",
        ),
        (
            "drift = \"repair\"",
            "mode = \"observe\"",
            code::SETTING_WEAKENED,
            "landfall.toml:9",
        ),
        (
            "drift = \"repair\"",
            "signatures = \"primary-only\"",
            code::SETTING_WEAKENED,
            "landfall.toml:9",
        ),
        ("signer = \"release\"\n", "", code::SIGNER_REMOVED, "landfall.toml:3"),
        (
            "signer = \"release\"\n",
            "signer = \"other\"\n",
            code::SIGNER_CHANGED,
            "landfall.toml:6",
        ),
        ("policy = \"lax\"\n", "", code::POLICY_REMOVED, "landfall.toml:3"),
        (
            "policy = \"lax\"\n",
            "policy = \"other\"\n",
            code::POLICY_CHANGED,
            "landfall.toml:7",
        ),
        (
            "[\"latest\"]",
            "[\"latest\", \"v*\"]",
            code::MUTABLE_TAGS_WIDENED,
            "landfall.toml:8",
        ),
        (
            "drift = \"repair\"",
            "project-signers = [\"other\"]",
            code::GRANTS_WIDENED,
            "landfall.toml:9",
        ),
        (
            "europe = \"europe.",
            "europe = \"asia.",
            code::PREFIX_CHANGED,
            "landfall.toml:12",
        ),
        (
            "\"primary.example.com/images\"",
            "\"second.example.com/images\"",
            code::PREFIX_CHANGED,
            "landfall.toml:5",
        ),
        (
            "europe = \"europe.example.com/images\"\n",
            "",
            code::MIRROR_REMOVED,
            "landfall.toml:12",
        ),
        (
            "europe = ",
            "asia = \"asia.example.com/images\"\neurope = ",
            code::MIRROR_ADDED,
            "landfall.toml:12",
        ),
        (
            "[policies.other.signature]\nmode = \"off\"\n",
            "",
            code::POLICY_REMOVED,
            "landfall.toml:34",
        ),
        (
            "[signers.other]\npublic-key = \"keys/other.pub\"\n",
            "",
            code::SIGNER_REMOVED,
            "landfall.toml:29",
        ),
        (
            "previous = [\"keys/old.pub\"]\n",
            "",
            code::KEY_RETIRED,
            "landfall.toml:27",
        ),
        (
            "previous = [\"keys/old.pub\"]",
            "previous = [\"keys/old.pub\", \"keys/other.pub\"]",
            code::KEY_TRUSTED,
            "landfall.toml:27",
        ),
        (
            "previous = [\"keys/old.pub\"]",
            "previous = [\"keys/old.pub\"]\nformats = [\"bundle\"]",
            code::SETTING_WEAKENED,
            "landfall.toml:28",
        ),
        (
            "sources = [\"staging.example.com/dns\"]",
            "sources = [\"staging.example.com/dns\", \"elsewhere.example.com\"]",
            code::GRANTS_WIDENED,
            "landfall.toml:15",
        ),
        (
            "paths = [\"dns\"]",
            "paths = [\"dns\", \"names\"]",
            code::GRANTS_WIDENED,
            "landfall.toml:17",
        ),
        (
            "endpoints = [\"primary\"]\n",
            "",
            code::GRANTS_WIDENED,
            "landfall.toml:19",
        ),
        (
            "endpoints = [\"primary\"]",
            "endpoints = [\"primary\", \"europe\"]",
            code::GRANTS_WIDENED,
            "landfall.toml:23",
        ),
        (
            "paths = [\"dns\"]",
            "paths = [\"dns\"]\nendpoints = [\"primary\"]",
            code::SETTING_WEAKENED,
            "landfall.toml:18",
        ),
    ] {
        let review = rules(from, to);
        let of_rules: Vec<_> = found(&review)
            .into_iter()
            .filter(|(found, _)| code::REVIEW.contains(found))
            .collect();
        assert!(
            of_rules.contains(&(code, place.to_owned())),
            "{from} -> {to}: {:?}",
            found(&review)
        );
    }
}

#[test]
fn stricter_and_narrower_settings_are_nothing_to_look_at() {
    let base = edited(
        &base(),
        "landfall.toml",
        "drift = \"repair\"",
        "drift = \"report\"\nmode = \"observe\"",
    );
    for (from, to) in [
        ("drift = \"report\"", "drift = \"repair\""),
        ("mode = \"observe\"\n", ""),
        ("mutable-tags = [\"latest\"]\n", ""),
        (
            "sources = [\"staging.example.com/dns\"]",
            "sources = [\"staging.example.com/dns/team\"]",
        ),
        ("paths = [\"node\"]", "paths = [\"node/deeper\"]"),
    ] {
        let review = reviewed(&base, &base, &edited(&base, "landfall.toml", from, to));
        let grants = |(code, _): &(&'static str, String)| {
            [code::SETTING_WEAKENED, code::GRANTS_WIDENED, code::MUTABLE_TAGS_WIDENED].contains(code)
        };
        assert!(
            !found(&review).iter().any(grants),
            "{from} -> {to}: {:?}",
            found(&review)
        );
    }
}

#[test]
fn a_key_that_is_replaced_is_shown_at_its_file() {
    let review = change("keys/release.pub", "AAAA", "DDDD");
    assert_eq!(found(&review), one(code::KEY_REPLACED, "keys/release.pub:1"));
    let review = rules("public-key = \"keys/release.pub\"", "public-key = \"keys/other.pub\"");
    assert_eq!(found(&review), one(code::KEY_REPLACED, "landfall.toml:26"));
}

#[test]
fn targets_and_projects_that_come_and_go_are_shown_once() {
    let dns =
        "[projects.dns]\nsources = [\"staging.example.com/dns\"]\ntargets = [\"production\"]\npaths = [\"dns\"]\n";
    let mut head = edited(&base(), "landfall.toml", dns, "");
    head.remove("promotions/dns/coredns.toml");
    let review = reviewed(&base(), &base(), &head);
    assert_eq!(found(&review), one(code::PROJECT_REMOVED, "landfall.toml:14"));
    assert!(
        review.diagnostics[0].message.ends_with("with 3 claims"),
        "{}",
        review.diagnostics[0]
    );
    assert_eq!(review.changes.len(), 4);

    let mut head = edited(
        &base(),
        "landfall.toml",
        dns,
        &format!("{dns}\n{}", dns.replace("dns", "web")),
    );
    head.insert(
        "promotions/web/web.toml".to_owned(),
        format!("[images.web.tags]\n\"v1\" = \"{}\"\n", digest("w")),
    );
    let review = reviewed(&base(), &base(), &head);
    assert_eq!(found(&review), one(code::PROJECT_ADDED, "landfall.toml:19"));

    let mut head = edited(&base(), "landfall.toml", "[targets.production]", "[targets.live]");
    head = edited(
        &head,
        "landfall.toml",
        "[targets.production.mirrors]",
        "[targets.live.mirrors]",
    );
    for _ in 0..2 {
        head = edited(
            &head,
            "landfall.toml",
            "targets = [\"production\"]",
            "targets = [\"live\"]",
        );
    }
    let codes: Vec<_> = found(&reviewed(&base(), &base(), &head))
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert!(
        codes.contains(&code::TARGET_RENAMED) && !codes.contains(&code::TARGET_REMOVED),
        "{codes:?}"
    );

    let staging = "[targets.staging]\npublic-name = \"s.example.com\"\nprimary = \"s.example.com\"\n\n[projects.dns]";
    let with = edited(&base(), "landfall.toml", "[projects.dns]", staging);
    assert_eq!(
        found(&reviewed(&base(), &base(), &with)),
        one(code::TARGET_ADDED, "landfall.toml:14")
    );
    assert_eq!(
        found(&reviewed(&with, &with, &base())),
        one(code::TARGET_REMOVED, "landfall.toml:14")
    );
}

#[test]
fn a_change_that_grants_itself_what_it_uses_is_shown_at_both_places() {
    let head = edited(
        &base(),
        "landfall.toml",
        "sources = [\"staging.example.com/dns\"]",
        "sources = [\"staging.example.com/dns\", \"elsewhere.example.com\"]",
    );
    let head = edited(
        &head,
        "promotions/dns/coredns.toml",
        "[images.coredns]\n",
        "source = \"elsewhere.example.com\"\n[images.coredns]\n",
    );
    assert_eq!(
        found(&reviewed(&base(), &base(), &head)),
        [
            (code::GRANTS_WIDENED, "landfall.toml:15".to_owned()),
            (code::OUTSIDE_BASE_GRANTS, "promotions/dns/coredns.toml:1".to_owned())
        ]
    );
}

#[test]
fn what_the_base_did_since_is_not_laid_to_the_change() {
    let base_now = edited(&base(), "landfall.toml", "drift = \"repair\"", "drift = \"report\"");
    let v1 = format!("\"v1\" = \"{}\"\n", digest("1"));
    let base_now = edited(&base_now, "promotions/node/node.toml", &v1, "");
    let line = format!("\"v3\" = \"{}\"\n", digest("3"));
    let head = edited(
        &base(),
        "promotions/dns/coredns.toml",
        "\"v2\"",
        &format!("{line}\"v2\""),
    );
    let review = reviewed(&base(), &base_now, &head);
    assert_eq!((found(&review), review.changes.len()), (vec![], 1));
}

#[test]
fn what_contradicts_the_base_as_it_is_now_is_found() {
    let claim = |content| format!("[images.web.tags]\n\"v1\" = \"{}\"\n", digest(content));
    let mut base_now = base();
    base_now.insert("promotions/dns/a.toml".to_owned(), claim("a"));
    let mut head = base();
    head.insert("promotions/dns/b.toml".to_owned(), claim("b"));
    let found = found(&reviewed(&base(), &base_now, &head));
    assert!(
        found.contains(&(code::CONFLICTING_CLAIMS, "promotions/dns/b.toml:2".to_owned())),
        "{found:?}"
    );
}

#[test]
fn what_was_wrong_before_is_counted_and_not_shown() {
    let broken = edited(
        &base(),
        "promotions/node/node.toml",
        "[images.node.tags]",
        "[images.node.tag]",
    );
    let line = format!("\"v3\" = \"{}\"\n", digest("3"));
    let head = edited(
        &broken,
        "promotions/dns/coredns.toml",
        "\"v2\"",
        &format!("{line}\"v2\""),
    );
    let review = reviewed(&broken, &broken, &head);
    assert_eq!((found(&review), review.changes.len()), (vec![], 1));
    assert!(review.standing > 0);
}

#[test]
fn a_file_that_git_cannot_merge_says_so() {
    let path = "promotions/dns/coredns.toml";
    let line = |content| format!("\"v3\" = \"{}\"\n\"v2\"", digest(content));
    let base_now = edited(&base(), path, "\"v2\"", &line("3"));
    let head = edited(&base(), path, "\"v2\"", &line("4"));
    let review = reviewed(&base(), &base_now, &head);
    assert_eq!(
        found(&review)[0],
        (code::MERGE_CONFLICT, "promotions/dns/coredns.toml:1".to_owned())
    );
}

#[test]
fn findings_in_merged_files_stand_at_the_heads_lines() {
    let path = "promotions/dns/coredns.toml";
    let base_now = edited(&base(), path, "[images.coredns]\n", "# a\n# b\n[images.coredns]\n");
    let v2 = format!("\"v2\" = \"{}\"", digest("2"));
    let head = edited(&base(), path, &v2, &format!("\"v2\" = \"{}\"", digest("1")));
    assert_eq!(
        found(&reviewed(&base(), &base_now, &head)),
        one(code::IMMUTABLE_TAG, "promotions/dns/coredns.toml:7")
    );
}

#[test]
fn only_what_is_wrong_is_an_error() {
    for review in [
        rules("signer = \"release\"\n", ""),
        change("keys/release.pub", "AAAA", "DDDD"),
    ] {
        assert!(
            review
                .diagnostics
                .iter()
                .all(|found| found.severity == Severity::Warning && found.help.is_some())
        );
    }
}
