//! What the tests of this module share.

use super::Service;
use crate::model::Repository;
use crate::sim::registry::{Behaviour, Store};

pub(super) fn here() -> Repository {
    "one.test/app".parse().unwrap()
}

pub(super) fn service(behaviour: Behaviour) -> Service {
    let store = Store::new();
    store.set_behaviour(&here().registry, behaviour);
    Service::new(store)
}
