//! What is the change's doing, and what the base's.

use super::*;

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
