//! Keeps container registries as a Git repository says.

pub mod config;
pub mod desired;
pub mod model;
pub mod source;
