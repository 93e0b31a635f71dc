//! Observing registries in memory.

mod carried;
mod evidence;
pub(super) mod fixture;
mod observer;
mod source;
