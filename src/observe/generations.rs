//! A bounded cache.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Forgets what was not used for longest, roughly: when the younger half is full, the older one is dropped and the
/// younger takes its place. No bookkeeping per entry, which matters at hundreds of thousands of small ones.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    half: usize,
    younger: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Generations<K, V> {
    /// Holds at most `capacity` entries, and at least half as many of those used last.
    pub fn new(capacity: usize) -> Self {
        Self {
            half: (capacity / 2).max(1),
            younger: HashMap::new(),
            older: HashMap::new(),
        }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.younger.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.older.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.younger.len() >= self.half && !self.younger.contains_key(&key) {
            self.older = mem::take(&mut self.younger);
        }
        self.younger.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten_in_time() {
        let mut cache = Generations::new(4);
        cache.insert(0, "kept");
        for key in 1..100 {
            cache.insert(key, "passing");
            assert_eq!(cache.get(&0), Some("kept"));
            assert!(cache.younger.len() + cache.older.len() <= 4);
        }
        assert_eq!(cache.get(&1), None);
    }
}
