//! A registry in this process: OCI distribution 1.1 over HTTP, on the simulation's store.

mod access;
mod answer;
mod blobs;
mod body;
mod lists;
mod manifests;
mod route;
mod server;
mod token;
mod uploads;

pub use access::{Access, Credentials};
pub use server::{EmbeddedOptions, EmbeddedRegistry, ServerLimits, StartError};
