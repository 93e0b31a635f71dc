//! Registries in memory behind the trait that the real client implements: no I/O, deterministic, with faults.

mod blobs;
#[cfg(test)]
mod fault_tests;
mod latency;
mod lists;
mod manifests;
mod registries;
#[cfg(test)]
mod tests;

pub use latency::Latency;
pub use registries::MemoryRegistries;
