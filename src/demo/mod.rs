//! Embedded registries over HTTP, and the demonstration.

pub mod registry;
mod story;

pub use story::{Damage, Stage, StageError};
