//! landfall.toml and the keys, compared key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use toml::Value;

use super::event::{Event, EventKind};
use crate::model::{Digest, RepoPath, Roots, Tree, TreeFile};
use crate::trust::PublicKey;

/// A retag's reference, tag and digest.
type Move = (String, String, String);

/// What landfall.toml and the keys say.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Values as TOML, by their place: `["targets", "production", "signer"]`.
    settings: BTreeMap<Vec<String>, String>,
    /// With their reasons.
    retags: BTreeMap<Move, String>,
    /// What the files of `keys/` and `trust/` hold: a key's fingerprint, else the digest of the bytes.
    keys: BTreeMap<RepoPath, String>,
}

impl Rules {
    /// Reads what stands in a commit that was accepted.
    pub fn of(tree: &Tree) -> Self {
        let mut rules = Self::default();
        if let Some(TreeFile::Regular { bytes, .. }) = tree.files.get(&RepoPath::from(Roots::FILE))
            && let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(table) = text.parse::<toml::Table>()
        {
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("retags", Value::Array(retags)) => rules.take_retags(&retags),
                    (_, value) => rules.take(&mut vec![key], value),
                }
            }
        }
        for (path, file) in &tree.files {
            if is_key(path)
                && let TreeFile::Regular { bytes, .. } = file
            {
                let fingerprint = match PublicKey::from_pem(bytes) {
                    Ok(key) => key.fingerprint(),
                    Err(_) => Digest::of(bytes),
                };
                rules.keys.insert(path.clone(), fingerprint.to_string());
            }
        }
        rules
    }

    fn take(&mut self, place: &mut Vec<String>, value: Value) {
        match value {
            Value::Table(table) if !table.is_empty() => {
                for (key, value) in table {
                    place.push(key);
                    self.take(place, value);
                    place.pop();
                }
            }
            value => drop(self.settings.insert(place.clone(), value.to_string())),
        }
    }

    fn take_retags(&mut self, retags: &[Value]) {
        for retag in retags {
            let text = |key: &str| retag.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let moved = (text("reference"), text("tag"), text("digest"));
            self.retags.insert(moved, text("reason"));
        }
    }

    /// Why an immutable tag may move to a digest.
    pub fn reason(&self, reference: &str, tag: &str, digest: &str) -> Option<&str> {
        let moved = (reference.to_owned(), tag.to_owned(), digest.to_owned());
        self.retags.get(&moved).map(String::as_str)
    }

    /// Whether a change of this file may change what they say.
    pub fn stand_in(path: &RepoPath) -> bool {
        path.as_str() == Roots::FILE || is_key(path)
    }
}

fn is_key(path: &RepoPath) -> bool {
    ["keys/", "trust/"]
        .iter()
        .any(|folder| path.as_str().starts_with(folder))
}

/// What changed from one to the other, in the order of the keys.
pub(super) fn compare(before: &Rules, after: &Rules) -> Vec<Event> {
    let mut events = Vec::new();
    for (place, old, new) in differing(&before.settings, &after.settings) {
        let (kind, name) = match place.first().map(String::as_str) {
            Some("targets") => (EventKind::Target, &place[1..]),
            Some("projects") => (EventKind::Grant, &place[1..]),
            Some("signers") => (EventKind::Signer, &place[1..]),
            Some("policies") => (EventKind::Policy, &place[1..]),
            _ => (EventKind::Setting, &place[..]),
        };
        let named = (name.len() > 1).then(|| Arc::from(name[0].as_str()));
        events.push(Event {
            target: named.clone().filter(|_| kind == EventKind::Target),
            project: named.filter(|_| kind == EventKind::Grant),
            key: Some(name.join(".").into()),
            before: old.map(|value| value.as_str().into()),
            after: new.map(|value| value.as_str().into()),
            file: Some(RepoPath::from(Roots::FILE)),
            ..Event::new(kind)
        });
    }
    for ((reference, tag, digest), old, new) in differing(&before.retags, &after.retags) {
        let digest: Arc<str> = digest.as_str().into();
        events.push(Event {
            reference: Some(reference.as_str().into()),
            tag: tag.parse().ok(),
            before: new.is_none().then(|| digest.clone()),
            after: new.is_some().then_some(digest),
            reason: new.or(old).map(|reason| reason.as_str().into()),
            file: Some(RepoPath::from(Roots::FILE)),
            ..Event::new(EventKind::Retag)
        });
    }
    for (path, old, new) in differing(&before.keys, &after.keys) {
        events.push(Event {
            before: old.map(|key| key.as_str().into()),
            after: new.map(|key| key.as_str().into()),
            file: Some(path.clone()),
            ..Event::new(EventKind::Key)
        });
    }
    events
}

type Difference<'a, K, V> = (&'a K, Option<&'a V>, Option<&'a V>);

fn differing<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = Difference<'a, K, V>> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key, before.get(key), after.get(key)))
        .filter(|(_, old, new)| old != new)
}
