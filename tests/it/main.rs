//! Tests of several modules together, over loopback.

mod attacks;
mod audit;
mod beside_a_daemon;
mod capabilities;
mod conformance;
mod daemon;
#[cfg(unix)]
mod deploy;
mod displaced;
mod duplicates;
mod embedded_registry;
mod fault_matrix;
#[path = "../faults/mod.rs"]
mod faults;
mod git_host;
mod hostile_names;
mod kpromo;
mod list;
mod log;
mod manifests;
mod monitoring;
mod program;
#[cfg(unix)]
mod quick_start;
mod remote;
#[path = "../sampling/mod.rs"]
mod sampling;
mod shared_metadata;
mod signers;
mod signers_beforehand;
mod simulation;
mod small_site;
mod snapshot;
mod verdict;
mod why;
