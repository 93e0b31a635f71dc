//! The registries of a store as one.

use crate::model::{Registry, Repository};
use crate::sim::registry::store::State;
use crate::sim::registry::{Behaviour, Operation, Store, WriteKind, Writer};

/// The registries of a store, ready to be asked.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) store: Store,
}

impl Service {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn ping(&self, registry: &Registry) {
        self.count(registry, Operation::Ping);
    }

    /// A write that the registry acknowledged and lost.
    pub(in crate::sim::registry) fn lose(&self, repository: &Repository, operation: Operation, kind: WriteKind) {
        let mut state = self.store.lock();
        state.count(&repository.registry, operation);
        state.record(Writer::Client, repository, kind, false);
    }

    pub(in crate::sim::registry) fn count(&self, registry: &Registry, operation: Operation) {
        self.store.lock().count(registry, operation);
    }
}

pub(super) fn behaviour<'a>(state: &'a State, repository: &Repository) -> Option<&'a Behaviour> {
    state
        .registries
        .get(&repository.registry)
        .map(|registry| &registry.behaviour)
}
