//! Entries of fallback referrers indexes that were seen not long ago.
//!
//! Registries have no compare-and-swap: two clients that read an index, add an entry and write it back lose what the
//! other has added in between. What landfall has seen there and finds gone was overwritten by somebody, landfall itself
//! perhaps, or taken out on purpose. Its manifest tells the two apart: who deletes a referrer deletes that.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Descriptor, Digest, Repository, Tag};

/// How long an entry is missed. A pass looks at an image and writes beside it in less.
const MEMORY: Duration = Duration::from_secs(3600);
/// Of how many tags entries are remembered: the oldest are forgotten first.
const MOST_TAGS: usize = 8_192;

/// What was listed under each fallback tag.
#[derive(Debug, Default)]
pub struct SeenEntries(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    tags: HashMap<(Repository, Tag), BTreeMap<Digest, (Descriptor, Instant)>>,
    /// In the order in which they came.
    order: VecDeque<(Repository, Tag)>,
}

impl SeenEntries {
    /// Takes note of what is listed now. Gives what was listed before, and is not any more.
    pub fn note(&self, place: &Repository, tag: &Tag, listed: &[Descriptor]) -> Vec<Descriptor> {
        let now = Instant::now();
        let mut seen = self.lock();
        let known = seen.of(place, tag);
        known.retain(|_, (_, at)| now.saturating_duration_since(*at) < MEMORY);
        let is_listed = |digest: &Digest| listed.iter().any(|listed| listed.digest == *digest);
        let lost = known
            .iter()
            .filter(|(digest, _)| !is_listed(digest))
            .map(|(_, (entry, _))| entry.clone())
            .collect();
        known.extend(listed.iter().map(|entry| (entry.digest, (entry.clone(), now))));
        lost
    }

    /// Somebody deleted its manifest: it is not missed any more.
    pub fn forget(&self, place: &Repository, tag: &Tag, entry: &Digest) {
        if let Some(known) = self.lock().tags.get_mut(&(place.clone(), tag.clone())) {
            known.remove(entry);
        }
    }

    // One insertion at a time: a panic leaves nothing half-done.
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn of(&mut self, place: &Repository, tag: &Tag) -> &mut BTreeMap<Digest, (Descriptor, Instant)> {
        let key = (place.clone(), tag.clone());
        if !self.tags.contains_key(&key) {
            if self.order.len() >= MOST_TAGS
                && let Some(oldest) = self.order.pop_front()
            {
                self.tags.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.tags.entry(key).or_default()
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
    #[tokio::test(start_paused = true)]
    async fn what_was_seen_long_ago_or_many_tags_before_is_not_missed() {
        let place: Repository = "one.test/app".parse().unwrap();
        let tag = |number: usize| Tag::referrers_of(&Digest::of(number.to_string().as_bytes()));
        let entry = Descriptor::of("m", b"a");
        let seen = SeenEntries::default();
        seen.note(&place, &tag(0), slice::from_ref(&entry));
        tokio::time::advance(MEMORY).await;
        assert_eq!(seen.note(&place, &tag(0), &[]), []);
        for number in 0..=MOST_TAGS {
            seen.note(&place, &tag(number), slice::from_ref(&entry));
        }
        assert_eq!(seen.note(&place, &tag(1), &[]), slice::from_ref(&entry));
        assert_eq!(seen.note(&place, &tag(0), &[]), []);
        let held = seen.lock();
        assert_eq!((held.tags.len(), held.order.len()), (MOST_TAGS, MOST_TAGS));
    }
}
