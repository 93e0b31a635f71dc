//! Tags that many write: what was read there last is in what is written next.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use serde_json::Value;

use super::registry::Store;
use crate::model::{Descriptor, Digest, Repository, Tag};
use crate::trust::signature_manifest::entry_id;

/// The manifests last read under each shared tag. They are parsed only where something is written there.
#[derive(Debug, Default)]
pub struct Merges {
    read: HashMap<(Repository, Tag), Bytes>,
}

impl Merges {
    /// An answer came to the question what stands there.
    pub fn read(&mut self, repository: &Repository, tag: &Tag, found: Option<&Bytes>) {
        if tag.is_shared() {
            let found = found.cloned().unwrap_or_default();
            self.read.insert((repository.clone(), tag.clone()), found);
        }
    }

    /// Which of them a write leaves out. Entries of an index may go whose manifests are gone, and what the plan removes.
    pub fn lost(
        &self,
        store: &Store,
        repository: &Repository,
        tag: &Tag,
        written: &[u8],
        removed: &BTreeSet<Digest>,
    ) -> Vec<String> {
        let Some(read) = self.read.get(&(repository.clone(), tag.clone())) else {
            return Vec::new();
        };
        let written = entries(written);
        let is_index = !tag.as_str().contains('.');
        let is_gone = |entry: &Value| {
            let digest = entry["digest"]
                .as_str()
                .and_then(|digest| digest.parse::<Digest>().ok());
            is_index && digest.is_none_or(|digest| !store.has_manifest(repository, &digest))
        };
        let is_removed = |entry: &Value| {
            let entry = serde_json::from_value::<Descriptor>(entry.clone()).ok();
            let id = entry.map(|entry| if is_index { Some(entry.digest) } else { entry_id(&entry) });
            id.flatten().is_some_and(|id| removed.contains(&id))
        };
        entries(read)
            .iter()
            .filter(|entry| !written.contains(entry) && !is_gone(entry) && !is_removed(entry))
            .map(Value::to_string)
            .collect()
    }
}

fn entries(manifest: &[u8]) -> Vec<Value> {
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
    ["manifests", "layers"]
        .iter()
        .find_map(|list| match manifest.get_mut(*list).map(Value::take) {
            Some(Value::Array(entries)) => Some(entries),
            _ => None,
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_was_read_and_is_not_written_is_lost() {
        let (store, here): (_, Repository) = (Store::new(), "one.test/app".parse().unwrap());
        let image = Digest::of(b"image");
        let index = |digests: &[Digest]| {
            let entries: Vec<Value> = digests
                .iter()
                .map(|digest| serde_json::json!({ "digest": digest }))
                .collect();
            serde_json::json!({ "manifests": entries }).to_string()
        };
        let stands = store.add_manifest(&here, "text/plain", "stands".into());
        let gone = Digest::of(b"gone");
        let (tag, mut merges) = (Tag::referrers_of(&image), Merges::default());
        let lost = |merges: &Merges, written: &[Digest]| {
            merges
                .lost(&store, &here, &tag, index(written).as_bytes(), &BTreeSet::new())
                .len()
        };
        assert_eq!(lost(&merges, &[]), 0);
        merges.read(&here, &tag, Some(&index(&[stands, gone]).into()));
        assert_eq!(lost(&merges, &[stands, image]), 0);
        assert_eq!(lost(&merges, &[image]), 1);
        merges.read(&here, &tag, None);
        assert_eq!(lost(&merges, &[image]), 0);
    }
}
