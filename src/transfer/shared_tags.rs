//! Tags that are read, merged and written: one writer at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::model::{Repository, Tag};

/// Below this, locks that nobody holds are not looked for.
const FEW: usize = 64;

/// A lock for each (repository, tag): cosign's `.sig` and `.att` manifests and the fallback referrers index are shared by
/// many, and whoever changes one reads it, merges and writes it back. Clones share the locks.
#[derive(Debug, Clone, Default)]
pub struct SharedTags {
    locks: Arc<Mutex<Locks>>,
}

#[derive(Debug, Default)]
struct Locks {
    held: HashMap<(Repository, Tag), Weak<tokio::sync::Mutex<()>>>,
    /// The size at which to look for locks that nobody holds.
    sweep_at: usize,
}

/// Keeps others away until it is dropped.
#[derive(Debug)]
#[must_use = "the tag is free again as soon as this is dropped"]
pub struct TagGuard {
    _guard: OwnedMutexGuard<()>,
}

impl SharedTags {
    /// Waits until nobody else holds this tag.
    pub async fn lock(&self, repository: &Repository, tag: &Tag) -> TagGuard {
        let lock = self.find(repository, tag);
        TagGuard {
            _guard: lock.lock_owned().await,
        }
    }

    fn find(&self, repository: &Repository, tag: &Tag) -> Arc<tokio::sync::Mutex<()>> {
        // One insertion or sweep at a time: a panic leaves nothing half-done.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.held.len() >= locks.sweep_at {
            locks.held.retain(|_, lock| lock.strong_count() > 0);
            locks.sweep_at = FEW.max(2 * locks.held.len());
        }
        let place = (repository.clone(), tag.clone());
        if let Some(lock) = locks.held.get(&place).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.held.insert(place, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_tag_is_held_by_one_at_a_time_and_others_are_free() {
        let tags = SharedTags::default();
        let here: Repository = "one.test/a".parse().unwrap();
        let (one, two): (Tag, Tag) = ("one".parse().unwrap(), "two".parse().unwrap());
        let guard = tags.lock(&here, &one).await;
        assert!(tags.lock(&here, &one).now_or_never().is_none());
        assert!(tags.lock(&here, &two).now_or_never().is_some());
        drop(guard);
        assert!(tags.lock(&here, &one).now_or_never().is_some());
    }

    #[tokio::test]
    async fn locks_that_nobody_holds_are_forgotten() {
        let tags = SharedTags::default();
        let here: Repository = "one.test/a".parse().unwrap();
        for number in 0..10 * FEW {
            let _guard = tags.lock(&here, &format!("v{number}").parse().unwrap()).await;
        }
        assert!(tags.locks.lock().unwrap().held.len() <= FEW);
    }
}
