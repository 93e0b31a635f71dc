//! A folder of a commit: what stands in it, by name.

use gix::ObjectId;
use gix::objs::tree::EntryKind;

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub kind: EntryKind,
    pub id: ObjectId,
}

/// Entries sorted by name. Following a history reads many folders that differ in one entry: their names share one
/// allocation, and two folders are compared side by side.
#[derive(Debug, Default)]
pub(super) struct Folder {
    names: String,
    entries: Vec<(Name, TreeEntry)>,
}

/// Where a name stands among all names.
type Name = std::ops::Range<usize>;

/// A name at which two folders differ, and what stands there in each.
pub(super) type Difference<'f> = (&'f str, Option<TreeEntry>, Option<TreeEntry>);

impl Folder {
    /// A folder of these entries, in any order.
    ///
    /// # Errors
    /// A name that stands there twice.
    pub fn new<N: AsRef<str>>(entries: impl IntoIterator<Item = (N, TreeEntry)>) -> Result<Self, String> {
        let mut folder = Self::default();
        for (name, entry) in entries {
            let start = folder.names.len();
            folder.names.push_str(name.as_ref());
            folder.entries.push((start..folder.names.len(), entry));
        }
        let Self { names, entries } = &mut folder;
        // Git sorts nearly like this.
        entries.sort_by(|(a, _), (b, _)| names[a.clone()].cmp(&names[b.clone()]));
        let twice = entries
            .windows(2)
            .find(|pair| names[pair[0].0.clone()] == names[pair[1].0.clone()]);
        match twice {
            Some(pair) => Err(names[pair[0].0.clone()].to_owned()),
            None => Ok(folder),
        }
    }

    /// Sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, TreeEntry)> {
        self.entries
            .iter()
            .map(|(name, entry)| (&self.names[name.clone()], *entry))
    }

    pub fn get(&self, name: &str) -> Option<TreeEntry> {
        let found = self
            .entries
            .binary_search_by(|(known, _)| self.names[known.clone()].cmp(name))
            .ok()?;
        Some(self.entries[found].1)
    }

    /// Where `after` differs from this, sorted by name.
    pub fn differences<'f>(&'f self, after: &'f Self) -> Vec<Difference<'f>> {
        let mut differences = Vec::new();
        let (mut old, mut new) = (self.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return differences,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((before, _)), Some((after, _))) => before.cmp(after),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let (one, other) = (before.map(|(_, entry)| entry), after.map(|(_, entry)| entry));
            if let Some((name, _)) = before.or(after).filter(|_| one != other) {
                differences.push((name, one, other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(content: u8) -> TreeEntry {
        TreeEntry {
            kind: EntryKind::Blob,
            id: ObjectId::Sha1([content; 20]),
        }
    }

    fn folder(entries: &BTreeMap<String, u8>) -> Folder {
        Folder::new(entries.iter().rev().map(|(name, content)| (name, entry(*content)))).unwrap()
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let twice = ["b", "a", "b"].map(|name| (name, entry(0)));
        assert_eq!(Folder::new(twice).unwrap_err(), "b");
    }

    proptest! {
        #[test]
        fn two_folders_differ_where_their_entries_do(
            before in proptest::collection::btree_map("[a-c./]{1,2}", 0..3_u8, 0..8),
            after in proptest::collection::btree_map("[a-c./]{1,2}", 0..3_u8, 0..8),
        ) {
            let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let expected: Vec<Difference<'_>> = names
                .into_iter()
                .map(|name| (name.as_str(), before.get(name).copied(), after.get(name).copied()))
                .filter(|(_, before, after)| before != after)
                .map(|(name, before, after)| (name, before.map(entry), after.map(entry)))
                .collect();
            let (old, new) = (folder(&before), folder(&after));
            prop_assert_eq!(old.differences(&new), expected);
            for (name, content) in &before {
                prop_assert_eq!(old.get(name), Some(entry(*content)));
            }
            prop_assert_eq!(old.iter().count(), before.len());
        }
    }
}
