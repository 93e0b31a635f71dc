//! Tests of several modules together, over loopback.

mod attacks;
mod embedded_registry;
mod manifests;
mod simulation;
mod snapshot;
