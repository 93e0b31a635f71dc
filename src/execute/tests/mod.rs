//! Whole plans on registries in memory.

mod kill;
mod looking;
mod meanwhile;
mod memory;
mod promotion;
mod scenario;
mod shared;
mod stopping;
mod world;
