//! Starting registries of other makers, each on a port of its own.

mod distribution;
mod gitea;
mod printing;
mod server;
mod tokens;

pub use server::{AUTHORITY, PASSWORD, Server, USER};
