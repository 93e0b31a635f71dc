//! Entries of fallback referrers indexes that were seen while a run lasts.
//!
//! Registries have no compare-and-swap: two clients that read an index, add an entry and write it back lose what the
//! other has added in between. What landfall has seen there and finds gone was overwritten by somebody, landfall itself
//! perhaps, or taken out on purpose. Its manifest tells the two apart: who deletes a referrer deletes that.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::model::{Descriptor, Digest, Repository, Tag};

/// What was listed under each fallback tag.
#[derive(Debug, Default)]
pub(super) struct SeenEntries(Mutex<HashMap<(Repository, Tag), BTreeMap<Digest, Descriptor>>>);

impl SeenEntries {
    /// Takes note of what is listed now. Gives what was listed before, and is not any more.
    pub fn note(&self, place: &Repository, tag: &Tag, listed: &[Descriptor]) -> Vec<Descriptor> {
        // One insertion at a time: a panic leaves nothing half-done.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.entry((place.clone(), tag.clone())).or_default();
        let lost = known
            .values()
            .filter(|entry| listed.iter().all(|listed| listed.digest != entry.digest))
            .cloned()
            .collect();
        known.extend(listed.iter().map(|entry| (entry.digest, entry.clone())));
        lost
    }

    /// Somebody deleted its manifest: it is not missed any more.
    pub fn forget(&self, place: &Repository, tag: &Tag, entry: &Digest) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get_mut(&(place.clone(), tag.clone())) {
            known.remove(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn what_was_listed_and_is_not_any_more_is_missed_until_it_is_forgotten() {
        let place: Repository = "one.test/app".parse().unwrap();
        let tag = Tag::referrers_of(&Digest::of(b"image"));
        let both = [b"a", b"b"].map(|name| Descriptor::of("m", name));
        let [a, b] = &both;
        let seen = SeenEntries::default();
        assert_eq!(seen.note(&place, &tag, slice::from_ref(a)), []);
        assert_eq!(seen.note(&place, &tag, slice::from_ref(b)), slice::from_ref(a));
        assert_eq!(seen.note(&place, &tag, &both), []);
        seen.forget(&place, &tag, &a.digest);
        assert_eq!(seen.note(&place, &tag, slice::from_ref(b)), []);
        let other = Tag::referrers_of(&a.digest);
        assert_eq!(seen.note(&place, &other, &[]), []);
    }
}
