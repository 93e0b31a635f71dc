//! kpromo's manifests, read unchanged: a repository laid out like kubernetes/k8s.io's `registry.k8s.io/`.

mod claims;
mod destinations;
mod document;
mod fields;
mod files;
mod images;
mod import;
mod manifest;
mod provenance;
mod roots;
mod rule;
mod shared;
mod table;
#[cfg(test)]
mod tests;
mod usual;

pub(super) use claims::{go_alike, images, judge};
pub(super) use files::{older, projects};
pub use import::{ImportError, Imported, import};
pub(super) use manifest::Manifest;
pub use roots::roots;
pub(super) use rule::{Rule, TARGET, rule};
pub(super) use shared::{Shared, between_projects};
pub(super) use table::KpromoTable;
