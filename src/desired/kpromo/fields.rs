//! Reading YAML nodes into types, as Go's YAML does: a plain scalar is its text whatever it looks like, null is empty.

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted, suggestion};
use crate::desired::shape::{Located, Scalar};
use crate::yaml::{Content, Key, Node};

/// A mapping with fixed keys.
pub(super) struct Fields<'n, 't> {
    what: &'static str,
    node: &'n Node<'t>,
    entries: &'n [(Key<'t>, Node<'t>)],
    /// Keys were refused: what seems to be missing may be what they were meant to be.
    pub has_strangers: bool,
}

/// The keys of `node`; those that are not `known` are reported, as is what is no mapping.
pub(super) fn fields<'n, 't>(
    node: &'n Node<'t>,
    what: &'static str,
    known: &[&'static str],
    example: &str,
    report: &mut Report,
) -> Option<Fields<'n, 't>> {
    let Content::Mapping(entries) = &node.content else {
        let help = format!("write `{example}`");
        return wrong_type(node, &format!("{what}, a mapping"), &help, report);
    };
    let mut has_strangers = false;
    for (key, _) in entries {
        let text = key.text();
        if !known.contains(&text) {
            has_strangers = true;
            let finding = Finding::error(code::UNKNOWN_KEY, format!("unknown key {} in {what}", quoted(text)));
            report.add(key.at, finding.help(suggestion(text, known.iter().copied())));
        }
    }
    Some(Fields {
        what,
        node,
        entries,
        has_strangers,
    })
}

impl<'n, 't> Fields<'n, 't> {
    pub fn get(&self, key: &str) -> Option<&'n Node<'t>> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key itself and its value.
    pub fn entry(&self, key: &str) -> Option<&'n (Key<'t>, Node<'t>)> {
        self.entries.iter().find(|(name, _)| name.text() == key)
    }

    /// The value of a key that must be there and not null.
    pub fn required(&self, key: &str, example: &str, report: &mut Report) -> Option<&'n Node<'t>> {
        let found = self.get(key).filter(|value| !value.is_null());
        if found.is_none() {
            let at = self.get(key).map_or(self.node.at, |value| value.at);
            let finding = Finding::error(code::MISSING_KEY, format!("`{key}` is missing in {}", self.what));
            report.add(at, finding.help(format!("add `{key}: {example}`")));
        }
        found
    }
}

/// The entries of a list; null has none.
pub(super) fn list<'n, 't>(
    node: &'n Node<'t>,
    what: &str,
    example: &str,
    report: &mut Report,
) -> Option<&'n [Node<'t>]> {
    match &node.content {
        Content::Sequence(entries) => Some(entries),
        _ if node.is_null() => Some(&[]),
        _ => wrong_type(node, what, &format!("write `{example}`"), report),
    }
}

/// The text of a scalar.
pub(super) fn text<'n>(node: &'n Node<'_>, what: &str, report: &mut Report) -> Option<&'n str> {
    match node.as_scalar() {
        Some(scalar) if !scalar.is_null() => Some(&scalar.text),
        Some(scalar) if !scalar.text.is_empty() => {
            let help = format!("quote it where the word is meant: `\"{}\"`", scalar.text);
            wrong_type(node, what, &help, report)
        }
        _ => wrong_type(node, what, "write a text", report),
    }
}

/// Reads a scalar's text into a type of the manifests.
pub(super) fn scalar<T: Scalar>(node: &Node<'_>, what: &str, report: &mut Report) -> Option<Located<T>> {
    match T::parse(text(node, what, report)?) {
        Ok(value) => Some(Located { value, at: node.at }),
        Err(finding) => {
            report.add(node.at, finding);
            None
        }
    }
}

/// A truth value in any of YAML 1.1's spellings, which Go's YAML reads.
pub(super) fn boolean(node: &Node<'_>, report: &mut Report) -> Option<bool> {
    if let Some(scalar) = node.as_scalar().filter(|scalar| scalar.plain) {
        match &*scalar.text {
            "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some(true),
            "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some(false),
            _ if node.is_null() => return Some(false),
            _ => {}
        }
    }
    wrong_type(node, "`true` or `false`", "write `true`, without quotes", report)
}

pub(super) fn wrong_type<T>(node: &Node<'_>, expected: &str, help: &str, report: &mut Report) -> Option<T> {
    let message = format!("expected {expected}, found {}", node.kind());
    report.add(node.at, Finding::error(code::WRONG_TYPE, message).help(help));
    None
}
