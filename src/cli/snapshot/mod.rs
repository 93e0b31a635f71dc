//! `landfall snapshot`: a live registry, written down as manifests.

mod command;
mod creation;
mod kpromo;
mod reading;
mod repositories;
mod selection;
mod signatures;

pub use command::SnapshotCommand;
pub(super) use reading::{ReadError, read};
