//! What the comparison goes by.

use jiff::civil::date;

use super::{Exceptions, Finding, FindingKind, below};
use crate::model::{Exception, FINDINGS};

fn finding(kind: FindingKind) -> Finding {
    Finding {
        target: "production".into(),
        endpoint: "primary".into(),
        place: "primary.example.com/images/legacy/a".to_owned(),
        reference: "registry.example.com/legacy/a".to_owned(),
        tag: "v1".parse().ok(),
        digest: None,
        kind,
        detail: String::new(),
        file: None,
        line: None,
        exception: None,
    }
}

#[test]
fn every_finding_has_the_name_that_exceptions_call_it_by() {
    assert_eq!(FindingKind::ALL.map(FindingKind::as_str), FINDINGS);
    for kind in FindingKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn an_exception_passes_over_what_it_names_until_its_last_day() {
    let passed = |pattern: &str, findings: &[&str], day: i8| {
        let exceptions = Exceptions::new(&[Exception {
            pattern: pattern.into(),
            findings: findings.iter().map(|name| (*name).into()).collect(),
            reason: "known".into(),
            expires: date(2026, 12, 30),
        }]);
        let mut found = finding(FindingKind::UnexpectedTag);
        exceptions.apply(&mut found, date(2026, 12, day));
        (found.exception.is_some(), found.detail)
    };
    let (yes, no) = ((true, String::new()), (false, String::new()));
    for pattern in [
        "registry.example.com/legacy/**",
        "registry.example.com/legacy/*",
        "registry.example.com/legacy/a",
        "registry.example.com/legacy/a:v*",
        "primary.example.com/images/legacy/a:v1",
    ] {
        assert_eq!(passed(pattern, &[], 30), yes, "{pattern}");
    }
    for pattern in [
        "registry.example.com/*",
        "registry.example.com/legacy/a:v2",
        "other.example.com/**",
    ] {
        assert_eq!(passed(pattern, &[], 30), no, "{pattern}");
    }
    assert_eq!(passed("**", &["unexpected-tag"], 1), yes);
    assert_eq!(passed("**", &["tag-moved"], 1), no);
    assert_eq!(
        passed("**", &[], 31),
        (false, "; its exception expired on 2026-12-30".to_owned())
    );
}

#[test]
fn a_repository_is_named_by_what_stands_below_the_prefix() {
    let below = |prefix: &str, repository: &str| {
        below(&prefix.parse().unwrap(), &repository.parse().unwrap()).map(|path| path.to_string())
    };
    assert_eq!(below("r.example.com", "r.example.com/a/b"), Some("a/b".to_owned()));
    assert_eq!(below("r.example.com/a", "r.example.com/a/b"), Some("b".to_owned()));
    assert_eq!(below("r.example.com/a", "r.example.com/a"), None);
    assert_eq!(below("r.example.com/a", "r.example.com/ab/c"), None);
}
