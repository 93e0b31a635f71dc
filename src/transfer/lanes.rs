//! How many blobs are on their way to a registry at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TransferLimits;
use crate::model::Registry;

/// Permits by registry rather than for all: what a slow registry holds, no other waits for.
#[derive(Debug)]
pub(super) struct Lanes {
    /// By where the blobs come from, and where they go.
    together: Lane<(Option<Registry>, Registry)>,
    alone: Lane<Registry>,
}

#[derive(Debug)]
struct Lane<K> {
    width: usize,
    semaphores: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl Lanes {
    pub fn new(limits: &TransferLimits) -> Self {
        Self {
            together: Lane::new(limits.blobs),
            alone: Lane::new(limits.alone),
        }
    }

    /// For a blob that other destinations may get from the same read.
    pub async fn together(&self, from: Option<&Registry>, to: &Registry) -> OwnedSemaphorePermit {
        self.together.enter((from.cloned(), to.clone())).await
    }

    /// For a blob that is read for this registry alone.
    pub async fn alone(&self, to: &Registry) -> OwnedSemaphorePermit {
        self.alone.enter(to.clone()).await
    }
}

impl<K: Eq + Hash> Lane<K> {
    fn new(width: usize) -> Self {
        Self {
            width: width.max(1),
            semaphores: Mutex::default(),
        }
    }

    async fn enter(&self, key: K) -> OwnedSemaphorePermit {
        let semaphore = {
            // One insertion at a time: a panic leaves nothing half-done.
            let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.width));
            Arc::clone(semaphores.entry(key).or_insert_with(new))
        };
        semaphore.acquire_owned().await.expect("the semaphore is never closed")
    }
}
