//! Manifests in Git become the desired state: parsing, grants, the ledger, conflicts. No network, no clock.

mod choice;
mod chronicle;
mod claims;
pub mod code;
mod configuration;
mod conflicts;
mod finding;
mod format;
mod in_place;
mod init;
mod keys;
mod kpromo;
mod landfall_file;
mod ledger;
mod limits;
mod natural;
mod ownership;
mod parse;
mod position;
mod prefix_map;
mod projects;
mod promotions_file;
mod resolve;
pub mod review;
mod route;
mod scalar;
mod schema;
mod shape;
mod signers;
mod syntax;
mod table;
mod targets;
#[cfg(test)]
mod tests;
mod upstream;
mod written;

pub use chronicle::Chronicle;
pub use format::format;
pub use init::{InitFiles, InitOptions, init, runtime_configuration};
pub use kpromo::{ImportError, Imported, import as import_kpromo, roots};
pub use ledger::{Declaration, Entry, Ledger};
pub use parse::{ParseCache, Parsed, parse};
pub use resolve::{Accepted, Held, Resolved, resolve};
pub use schema::schemas;
pub use written::{ImageManifest, Manifests, ProjectManifest, TargetManifest, write};
