//! Registries in memory: a store, what registries do with it, how they fail.

mod behaviour;
mod call;
mod damage;
mod fallback;
mod fault;
mod fault_plan;
mod faults;
mod journal;
mod memory;
mod refusal;
mod second_writer;
mod service;
mod store;

pub use behaviour::{Behaviour, UnknownRepository};
pub use fault::{Failure, Fault};
pub use fault_plan::{FaultPlan, Operations, Rate, Window};
pub use faults::Faults;
pub use journal::{Operation, Requests, Write, WriteKind, Writer};
pub use memory::{Latency, MemoryRegistries};
pub use refusal::{Refusal, RefusalCode};
pub use second_writer::{SecondWriter, adds_foreign_referrers, adds_foreign_signatures, moves_tags};
pub use service::{Accepted, Head, Service};
pub(super) use store::RegistryState;
pub use store::{Contents, Store, StoredBlob, StoredManifest};
