//! Tags that come, move and go.

use super::*;

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
