//! Which registries want blobs in chunks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::Registry;

/// A chunk, where the registry asks for no more.
pub(super) const CHUNK: u64 = 8 << 20;
/// A registry, or what stands in front of it, may take smaller ones only.
pub(super) const SMALLEST_CHUNK: u64 = 256 << 10;
/// No registry is believed that wants more, as a chunk is kept in memory.
pub(super) const LARGEST_CHUNK: u64 = 256 << 20;

/// The size of the smallest blob that a registry has refused to take in one request.
#[derive(Debug, Default)]
pub(super) struct Chunking {
    refused: Mutex<HashMap<Registry, u64>>,
}

impl Chunking {
    pub(super) fn refused(&self, registry: &Registry, size: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let smallest = refused.entry(registry.clone()).or_insert(size);
        *smallest = size.min(*smallest);
    }

    pub(super) fn is_wanted(&self, registry: &Registry, size: u64) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(registry).is_some_and(|smallest| size >= *smallest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_smaller_than_anything_refused_goes_in_one_request() {
        let chunking = Chunking::default();
        let here: Registry = "example.com".parse().unwrap();
        chunking.refused(&here, 100);
        chunking.refused(&here, 200);
        assert!(chunking.is_wanted(&here, 100) && chunking.is_wanted(&here, 150));
        assert!(!chunking.is_wanted(&here, 99));
        assert!(!chunking.is_wanted(&"example.org".parse().unwrap(), 100));
    }
}
