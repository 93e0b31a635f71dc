//! Tests of several modules together, over loopback.

mod attacks;
#[cfg(unix)]
mod deploy;
mod embedded_registry;
mod kpromo;
mod manifests;
mod simulation;
mod snapshot;
