//! `provenance:` of a manifest, kpromo's policy for a project's images: its shape, as kpromo checks it, and what of it is
//! carried out.

use std::collections::BTreeSet;

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted, suggestion};
use crate::model::Position;
use crate::yaml::Node;

use super::fields::{Fields, fields, list, text, wrong_type};

const MODES: [&str; 3] = ["off", "warn", "require"];
const SIGNER: &str = "sigstore::https://accounts.google.com::robot@example.iam.gserviceaccount.com";
const BUILDER: &str = "{id: https://builder.example.com, level: 3}";
const BUILDER_LEVELS: (i64, i64) = (1, 3);
/// Every image that satisfies a policy reaches level 1: a policy asks for more.
const POLICY_LEVELS: (i64, i64) = (2, 3);

/// Says what is wrong with a policy, and where it asks for warnings. Nothing of it is carried out yet, so that only what
/// blocks no promotion is let through.
pub(super) fn check(node: &Node<'_>, report: &mut Report) -> Option<Position> {
    if node.is_null() {
        return None;
    }
    let known = [
        "mode",
        "signers",
        "builders",
        "sources",
        "predicateTypes",
        "level",
        "levels",
    ];
    let fields = fields(node, "a provenance policy", &known, "mode: off", report)?;
    let mode = check_mode(&fields, report);
    let signers = check_signers(&fields, report);
    let builders = check_builders(&fields, &signers, report);
    for source in texts(&fields, "sources", "github.com/example/project", report) {
        if source.1.contains('@') {
            let finding = Finding::error(
                code::UNKNOWN_VALUE,
                format!("source {} carries a ref", quoted(source.1)),
            );
            report.add(source.0, finding.help("name the repository alone, without `@…`"));
        }
    }
    texts(&fields, "predicateTypes", "https://spdx.dev/Document", report);
    let highest = highest(&signers, &builders);
    if let Some((at, level)) = fields
        .get("level")
        .and_then(|node| level(node, POLICY_LEVELS, true, report))
    {
        check_reachable(at, level, highest, report);
    }
    check_levels(&fields, highest, report);
    if matches!(mode, Some("warn" | "require")) {
        for key in ["signers", "builders", "sources"] {
            let is_missing = fields
                .get(key)
                .is_none_or(|node| match list(node, "a list", "[…]", &mut quiet()) {
                    Some(entries) => entries.is_empty(),
                    None => false,
                });
            if is_missing && !fields.has_strangers {
                let message = format!("a provenance policy needs at least one of `{key}`");
                let finding = Finding::error(code::MISSING_KEY, message);
                report.add(node.at, finding.help("add it, or write `mode: off`"));
            }
        }
    }
    let at = fields.get("mode").map(|node| node.at);
    at.filter(|_| mode == Some("warn"))
}

/// Where what is said has been said already.
fn quiet() -> Report {
    Report::new(&"".into())
}

fn check_mode<'n>(fields: &Fields<'n, '_>, report: &mut Report) -> Option<&'n str> {
    let mode = fields.get("mode").filter(|mode| !mode.is_null())?;
    let named = text(mode, "`off`, `warn` or `require`", report)?;
    match named {
        "off" | "warn" | "" => {}
        "require" => {
            let finding = Finding::unsupported("provenance mode `require`");
            report.add(
                mode.at,
                finding.help("this version supports `off`, and `warn` without its warnings"),
            );
        }
        other => {
            let finding = Finding::error(code::UNKNOWN_VALUE, format!("{} is no provenance mode", quoted(other)));
            report.add(mode.at, finding.help(suggestion(other, MODES)));
        }
    }
    Some(named)
}

/// The texts of a list, none of them empty.
fn texts<'n>(fields: &Fields<'n, '_>, key: &str, example: &str, report: &mut Report) -> Vec<(Position, &'n str)> {
    let Some(entries) = fields
        .get(key)
        .and_then(|node| list(node, "a list", &format!("[{example}]"), report))
    else {
        return Vec::new();
    };
    let mut found = Vec::with_capacity(entries.len());
    for node in entries {
        match text(node, "a text", report) {
            Some(entry) if entry.trim().is_empty() => {
                let finding = Finding::error(code::EMPTY, format!("an entry of `{key}` is empty"));
                report.add(node.at, finding.help(format!("write `{example}`, or remove it")));
            }
            Some(entry) => found.push((node.at, entry)),
            None => {}
        }
    }
    found
}

fn check_signers<'n>(fields: &Fields<'n, '_>, report: &mut Report) -> Vec<&'n str> {
    let signers = texts(fields, "signers", SIGNER, report);
    for (at, signer) in &signers {
        if let Err(why) = signer_shape(signer) {
            let finding = Finding::error(code::UNKNOWN_VALUE, format!("{} is no signer: {why}", quoted(signer)));
            report.add(
                *at,
                finding.help(format!("write `{SIGNER}`: the issuer and the identity")),
            );
        }
    }
    signers.into_iter().map(|(_, signer)| signer).collect()
}

/// `sigstore::ISSUER::IDENTITY`, or with how each is matched: `sigstore(issuerMatch=exact,identityMatch=regex)::…`.
fn signer_shape(signer: &str) -> Result<(), String> {
    let (head, rest) = signer.split_once("::").ok_or("expected `sigstore::ISSUER::IDENTITY`")?;
    let (kind, annotations) = match head.split_once('(') {
        None => (head, None),
        Some((kind, rest)) => (kind, Some(rest.strip_suffix(')').ok_or("a `(` is not closed")?)),
    };
    if kind != "sigstore" {
        return Err(format!("only `sigstore` signers are checked, not {}", quoted(kind)));
    }
    for annotation in annotations.iter().flat_map(|annotations| annotations.split(',')) {
        let Some((field, matcher)) = annotation.trim().split_once('=') else {
            if annotation.trim() == "regexp" {
                continue;
            }
            return Err(format!("{} does not say how what is matched", quoted(annotation)));
        };
        let matcher = matcher.strip_suffix("/i").unwrap_or(matcher);
        if !matches!(field, "issuerMatch" | "identityMatch")
            || !matches!(matcher, "exact" | "regex" | "prefix" | "glob")
        {
            return Err(format!("{} does not say how what is matched", quoted(annotation)));
        }
    }
    match rest.split_once("::") {
        Some((issuer, identity)) if !issuer.is_empty() && !identity.is_empty() => Ok(()),
        Some(("", _)) => Err("the issuer is empty".to_owned()),
        _ => Err("the identity is missing: every account of the issuer would be trusted".to_owned()),
    }
}

/// A builder, as far as levels depend on it.
struct Builder<'n> {
    level: i64,
    signers: Vec<&'n str>,
}

fn check_builders<'n>(fields: &Fields<'n, '_>, signers: &[&str], report: &mut Report) -> Vec<Builder<'n>> {
    let Some(entries) = fields
        .get("builders")
        .and_then(|node| list(node, "a list of builders", &format!("[{BUILDER}]"), report))
    else {
        return Vec::new();
    };
    let mut known = BTreeSet::new();
    let mut builders = Vec::with_capacity(entries.len());
    for node in entries {
        let keys = ["id", "level", "signers", "caller"];
        let Some(builder) = self::fields(node, "a builder", &keys, BUILDER, report) else {
            continue;
        };
        if let Some(id) = builder
            .required("id", "https://builder.example.com", report)
            .and_then(|id| Some((id.at, text(id, "a builder's id", report)?)))
        {
            if id.1.trim().is_empty() {
                let finding = Finding::error(code::EMPTY, "a builder's id is empty");
                report.add(id.0, finding.help(format!("write `{BUILDER}`")));
            } else if !known.insert(id.1) {
                let finding = Finding::error(code::DUPLICATE_ENTRY, format!("builder {} stands twice", quoted(id.1)));
                report.add(id.0, finding.help("remove one of them"));
            }
        }
        let own = texts(&builder, "signers", SIGNER, report);
        for (at, signer) in own.iter().filter(|(_, signer)| !signers.contains(signer)) {
            let message = format!("{} is none of the policy's `signers`", quoted(signer));
            let finding = Finding::error(code::UNKNOWN_NAME, message);
            report.add(*at, finding.help("a builder's signers are written as they stand there"));
        }
        let level = builder
            .required("level", "3", report)
            .and_then(|node| level(node, BUILDER_LEVELS, false, report));
        builders.extend(level.map(|(_, level)| Builder {
            level,
            signers: own.into_iter().map(|(_, signer)| signer).collect(),
        }));
    }
    builders
}

/// A SLSA build level within bounds; 0 is none, where there may be none.
fn level(node: &Node<'_>, (least, most): (i64, i64), optional: bool, report: &mut Report) -> Option<(Position, i64)> {
    if node.is_null() && optional {
        return None;
    }
    let scalar = node.as_scalar().filter(|scalar| scalar.plain);
    let Some(level) = scalar.and_then(|scalar| scalar.text.parse::<i64>().ok()) else {
        return wrong_type(
            node,
            "a level",
            &format!("write a number from {least} to {most}"),
            report,
        );
    };
    if level == 0 && optional {
        return None;
    }
    if !(least..=most).contains(&level) {
        let message = format!("level {level} is not between {least} and {most}");
        let finding = Finding::error(code::UNKNOWN_VALUE, message);
        report.add(
            node.at,
            finding.help("these are the build levels of SLSA that can be asked for here"),
        );
        return None;
    }
    Some((node.at, level))
}

/// The highest level that provenance can verify at: a signer may claim the builders that name it or, where none does,
/// those that name no signers, and the lowest of them counts. `None` where it cannot be told.
fn highest(signers: &[&str], builders: &[Builder<'_>]) -> Option<i64> {
    let of_signer = |signer: &&str| {
        let names = |builder: &&Builder<'_>| builder.signers.contains(signer);
        let bound = builders.iter().filter(names).map(|builder| builder.level).min();
        let unbound = || builders.iter().filter(|builder| builder.signers.is_empty());
        bound.or_else(|| unbound().map(|builder| builder.level).min())
    };
    signers.iter().filter_map(of_signer).max()
}

fn check_reachable(at: Position, level: i64, highest: Option<i64>, report: &mut Report) {
    if let Some(highest) = highest.filter(|highest| level > *highest) {
        let message = format!("level {level} is above {highest}, the highest that these builders reach");
        let finding = Finding::error(code::DEFEATING_SETTINGS, message);
        report.add(
            at,
            finding.help("no image would ever satisfy it: lower it, or name a better builder"),
        );
    }
}

fn check_levels(fields: &Fields<'_, '_>, highest: Option<i64>, report: &mut Report) {
    const EXAMPLE: &str = "{images: [\"charts/*\"], level: 3}";
    let Some(entries) = fields
        .get("levels")
        .and_then(|node| list(node, "a list of levels", &format!("[{EXAMPLE}]"), report))
    else {
        return;
    };
    for node in entries {
        let Some(entry) = self::fields(node, "an entry of `levels`", &["images", "level"], EXAMPLE, report) else {
            continue;
        };
        let patterns = texts(&entry, "images", "charts/*", report);
        if patterns.is_empty() {
            let finding = Finding::error(code::EMPTY, "an entry of `levels` names no image");
            report.add(node.at, finding.help(format!("write `{EXAMPLE}`")));
        }
        for (at, pattern) in patterns {
            if pattern.starts_with('/') || pattern.ends_with('/') {
                let message = format!(
                    "pattern {} begins or ends with `/`: it matches no image",
                    quoted(pattern)
                );
                let finding = Finding::error(code::INVALID_GLOB, message);
                report.add(at, finding.help("names of images are relative to the source registry"));
            }
        }
        let level = entry
            .required("level", "3", report)
            .and_then(|node| level(node, POLICY_LEVELS, false, report));
        if let Some((at, level)) = level {
            check_reachable(at, level, highest, report);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::desired::kpromo::document::document;
    use crate::model::Severity;

    fn found(policy: &str) -> Vec<(&'static str, u32)> {
        let mut report = Report::new(&"promoter-manifest.yaml".into());
        if let Some(node) = document(policy, &mut report) {
            check(&node, &mut report);
        }
        let found = report.into_diagnostics().into_iter();
        found
            .filter(|found| found.severity == Severity::Error)
            .map(|found| (found.code, found.line))
            .collect()
    }

    fn policy(more: &str) -> String {
        format!("mode: warn\nsigners: [\"{SIGNER}\"]\nbuilders: [{BUILDER}]\nsources: [github.com/a/b]\n{more}")
    }

    #[test]
    fn what_kpromo_takes_is_taken() {
        for more in [
            "",
            "level: 0",
            "level: 3",
            "predicateTypes: [https://spdx.dev/Document]",
            "levels: [{images: [spoc, \"charts/*\"], level: 2}]",
        ] {
            assert_eq!(found(&policy(more)), [], "{more}");
        }
        assert_eq!(found("mode: off"), []);
        assert_eq!(found("~"), []);
        for signer in [
            "sigstore(regexp)::https://.*::.*@example.com",
            "sigstore(issuerMatch=exact,identityMatch=regex/i)::https://a::b",
        ] {
            assert_eq!(signer_shape(signer), Ok(()), "{signer}");
        }
    }

    #[test]
    fn what_kpromo_refuses_is_refused_at_its_line() {
        for (more, code) in [
            ("level: 9", code::UNKNOWN_VALUE),
            ("level: 1", code::UNKNOWN_VALUE),
            ("level: high", code::WRONG_TYPE),
            ("levels: [{images: [], level: 2}]", code::EMPTY),
            ("levels: [{images: [/a], level: 2}]", code::INVALID_GLOB),
            ("levels: [{images: [a], level: 1}]", code::UNKNOWN_VALUE),
            ("predicateTypes: [\" \"]", code::EMPTY),
            ("signerz: []", code::UNKNOWN_KEY),
        ] {
            assert_eq!(found(&policy(more)), [(code, 5)], "{more}");
        }
        let builder = |builder: &str| found(&policy("level: 2").replace(BUILDER, builder));
        assert_eq!(builder("{id: x, level: 9}"), [(code::UNKNOWN_VALUE, 3)]);
        assert_eq!(builder("{id: x, level: 1}"), [(code::DEFEATING_SETTINGS, 5)]);
        assert_eq!(
            builder("{id: x, level: 3, signers: [other]}")[0],
            (code::UNKNOWN_NAME, 3)
        );
        assert_eq!(
            builder("{id: x, level: 3}, {id: x, level: 3}"),
            [(code::DUPLICATE_ENTRY, 3)]
        );
        assert_eq!(builder("x"), [(code::WRONG_TYPE, 3)]);
        assert_eq!(found("mode: warn").len(), 3);
        for signer in [
            "key::a::b",
            "sigstore::https://a",
            "sigstore::https://a::",
            "sigstore::::b",
            "sigstore(x)::a::b",
        ] {
            assert!(signer_shape(signer).is_err(), "{signer}");
        }
    }

    proptest! {
        #[test]
        fn no_policy_makes_it_panic(text in "[a-z0-9:,\\[\\]{}()= \n-]{0,80}") {
            found(&text);
        }
    }
}
