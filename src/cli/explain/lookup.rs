//! Finding a key that was typed, or the one that was meant.

use super::schema::{Document, Node};
use crate::model::nearest;

/// A step into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    /// A name that the file chooses, where one was typed.
    Name(Option<String>),
}

/// A key, and the way to it from the top of its file.
#[derive(Debug, Clone)]
pub struct Found<'d> {
    pub document: &'d Document,
    /// Each step, and the table in which it was taken.
    pub way: Vec<(Node<'d>, Step)>,
    pub node: Node<'d>,
}

impl<'d> Found<'d> {
    fn top(document: &'d Document) -> Self {
        Self {
            document,
            way: Vec::new(),
            node: document.root(),
        }
    }

    fn step(&self, step: Step, node: Node<'d>) -> Self {
        let mut way = self.way.clone();
        way.push((self.node, step));
        Self { way, node, ..*self }
    }

    /// The key with `NAME` for whatever the file chooses.
    pub fn key(&self) -> String {
        let steps = self.way.iter().map(|(_, step)| match step {
            Step::Key(key) => key,
            Step::Name(_) => "NAME",
        });
        steps.collect::<Vec<_>>().join(".")
    }

    /// Without the names: how it is typed most quickly.
    fn short(&self) -> String {
        let keys = self.way.iter().filter_map(|(_, step)| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Name(_) => None,
        });
        keys.collect::<Vec<_>>().join(".")
    }

    /// The keys right below, those behind a name included.
    pub fn keys(&self) -> Vec<Found<'d>> {
        let mut found: Vec<_> = below(self).collect();
        if let Some(value) = self.node.by_name() {
            found.extend(below(&self.step(Step::Name(None), value)));
        }
        found
    }

    pub fn is_required(&self) -> bool {
        match self.way.last() {
            Some((table, Step::Key(key))) => table.requires(key),
            _ => false,
        }
    }

    fn ends_with_a_key(&self) -> bool {
        matches!(self.way.last(), Some((_, Step::Key(_))))
    }

    fn find(self, typed: &[String]) -> Option<Self> {
        let Some((first, rest)) = typed.split_first() else {
            return Some(self);
        };
        if let Some(node) = self.node.property(first)
            && let Some(found) = self.step(Step::Key(first.clone()), node).find(rest)
        {
            return Some(found);
        }
        let value = self.node.by_name()?;
        let keys = value.properties();
        // The name may be left out.
        if keys.iter().any(|(key, _)| key == first)
            && let Some(found) = self.step(Step::Name(None), value).find(typed)
        {
            return Some(found);
        }
        // A shell takes the quotes from a name with dots.
        (1..=typed.len()).find_map(|count| {
            let (name, rest) = typed.split_at(count);
            let name = name.join(".");
            let is_misspelt = || nearest(&name, keys.iter().map(|(key, _)| *key)).is_some();
            if rest.is_empty() && !keys.is_empty() && (count > 1 || is_misspelt()) {
                return None;
            }
            let placeholder = name.chars().all(|c| c.is_ascii_uppercase()) || name.contains(['*', '<', '{']);
            self.step(Step::Name((!placeholder).then_some(name)), value).find(rest)
        })
    }
}

fn below<'a, 'd>(table: &'a Found<'d>) -> impl Iterator<Item = Found<'d>> + use<'a, 'd> {
    let keys = table.node.properties().into_iter();
    keys.map(move |(key, node)| table.step(Step::Key(key.to_owned()), node))
}

/// The keys at the top of every file.
pub fn top(documents: &[Document]) -> Vec<Found<'_>> {
    documents
        .iter()
        .flat_map(|document| Found::top(document).keys())
        .collect()
}

/// What was typed, in every file that knows it. What is a key of one file is no name in another.
pub fn find<'d>(documents: &'d [Document], typed: &[String]) -> Vec<Found<'d>> {
    let mut found: Vec<_> = documents
        .iter()
        .filter_map(|document| Found::top(document).find(typed))
        .collect();
    if found.iter().any(Found::ends_with_a_key) {
        found.retain(Found::ends_with_a_key);
    }
    found
}

/// The parts of a key; dots in quotes do not part.
pub fn parts(key: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut quote = None;
    for character in key.chars() {
        match (character, quote) {
            ('.', None) => parts.push(std::mem::take(&mut part)),
            ('"' | '\'', None) => quote = Some(character),
            (closing, Some(open)) if closing == open => quote = None,
            (other, _) => part.push(other),
        }
    }
    parts.push(part);
    parts
}

/// Every key of every file.
pub fn every<'d>(documents: &'d [Document]) -> Vec<Found<'d>> {
    let mut pending: Vec<_> = top(documents);
    pending.reverse();
    let mut all = Vec::new();
    while let Some(found) = pending.pop() {
        let mut keys = found.keys();
        keys.reverse();
        all.push(found);
        pending.extend(keys);
    }
    all
}

/// The keys that were probably meant.
pub fn suggestions(documents: &[Document], typed: &[String]) -> Vec<String> {
    let mut known: Vec<String> = every(documents).iter().map(Found::short).collect();
    known.dedup();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let ending_with = |name: &str| -> Vec<String> {
        let mut found: Vec<_> = known.iter().filter(|key| last(key) == name).cloned().collect();
        found.sort();
        found.dedup();
        found
    };
    let Some(name) = typed.last() else {
        return Vec::new();
    };
    let near = |typed: &str| nearest(typed, known.iter().map(String::as_str)).map(ToOwned::to_owned);
    if typed.len() == 1 {
        let same = ending_with(name);
        if !same.is_empty() {
            return same;
        }
    }
    // What was typed with a name in it is nearer to a key without that name.
    let shortened = (0..typed.len()).filter(|_| typed.len() > 1).map(|left_out| {
        let mut rest = typed.to_vec();
        rest.remove(left_out);
        rest
    });
    let written = std::iter::once(typed.to_vec()).chain(shortened.filter(|rest| rest.first() == typed.first()));
    if let Some(key) = written.map(|parts| parts.join(".")).find_map(|typed| near(&typed)) {
        return vec![key];
    }
    let names: Vec<String> = known.iter().map(|key| last(key)).collect();
    nearest(name, names.iter().map(String::as_str)).map_or_else(Vec::new, ending_with)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &str) -> Vec<String> {
        let documents = Document::all();
        find(&documents, &parts(typed)).iter().map(Found::key).collect()
    }

    fn suggested(typed: &str) -> Vec<String> {
        suggestions(&Document::all(), &parts(typed))
    }

    #[test]
    fn names_may_be_left_out_stand_for_themselves_or_be_typed() {
        for typed in [
            "targets.mirrors",
            "targets.NAME.mirrors",
            "targets.production.mirrors",
            "targets.'eu.west'.mirrors",
            "targets.*.mirrors",
        ] {
            assert_eq!(keys(typed), ["targets.NAME.mirrors"], "{typed}");
        }
        assert_eq!(keys("targets.production.mirrors.europe"), ["targets.NAME.mirrors.NAME"]);
        assert_eq!(keys("targets.production"), ["targets.NAME"]);
        assert_eq!(keys("targets.policy.policy"), ["targets.NAME.policy"]);
        assert_eq!(keys("kpromo.endpoints.primary"), ["kpromo.endpoints.primary"]);
        assert_eq!(keys("kpromo.endpoints.asia"), ["kpromo.endpoints.NAME"]);
        assert_eq!(keys("images.dns/coredns.tags.v1.9.3"), ["images.NAME.tags.NAME"]);
        assert_eq!(keys("registries.registry.example.com/a.ca"), ["registries.NAME.ca"]);
        assert_eq!(keys("retags.reason"), ["retags.reason"]);
    }

    #[test]
    fn a_key_of_several_files_is_found_in_each() {
        let documents = Document::all();
        let found = find(&documents, &parts("signers"));
        let files: Vec<_> = found.iter().map(|found| found.document.file.as_str()).collect();
        assert_eq!(files, ["landfall.toml", "config.toml"]);
        assert_eq!(keys("signers.private-key"), ["signers.NAME.private-key"]);
    }

    #[test]
    fn a_misspelt_key_is_no_name() {
        for (typed, meant) in [
            ("targets.mirors", "targets.mirrors"),
            ("targets.production.mirors", "targets.mirrors"),
            ("target.mirrors", "targets.mirrors"),
            ("storage.cahce", "storage.cache"),
            ("mutable-tags", "kpromo.mutable-tags"),
            ("cache", "storage.cache"),
            ("allow-write", "allow-writes"),
        ] {
            assert_eq!(keys(typed), [""; 0], "{typed}");
            assert_eq!(suggested(typed).first().map(String::as_str), Some(meant), "{typed}");
        }
        assert_eq!(
            suggested("mutable-tags"),
            ["kpromo.mutable-tags", "targets.mutable-tags"]
        );
        assert_eq!(suggested("nothing-like-it-at-all"), [""; 0]);
    }
}
