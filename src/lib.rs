//! Keeps container registries as a Git repository says.

pub mod model;
pub mod source;
