//! Tests of several modules together, over loopback.

mod attacks;
mod capabilities;
#[cfg(unix)]
mod deploy;
mod embedded_registry;
mod fault_matrix;
#[path = "../faults/mod.rs"]
mod faults;
mod kpromo;
mod manifests;
mod program;
#[path = "../sampling/mod.rs"]
mod sampling;
mod shared_metadata;
mod signers;
mod simulation;
mod snapshot;
