//! Rules that a change loosens, tightens or takes away.

use super::*;

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
