//! How images come to landfall that others kept before: from a live registry, or from what another tool was told.

pub mod import;
mod naming;
pub mod snapshot;

pub use naming::{Names, name_after};
