//! Tests of several modules together, over loopback.

mod attacks;
mod embedded_registry;
mod kpromo;
mod manifests;
mod simulation;
