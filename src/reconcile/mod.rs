//! The engine and what drives it, the controller, state.

mod admission;
pub mod cache;
pub mod capabilities;
mod controller;
mod convergence;
mod database;
pub mod engine;
mod error;
pub mod history;
mod journal;
mod lookup;
mod pass;
mod reading;
mod recollection;
mod reconciler;
mod report;
mod requests;
mod revision;
pub mod state;
mod status;
mod tasks;
#[cfg(test)]
mod tests;
mod watch;

pub use capabilities::KnownCapabilities;
pub use controller::{Loop, Wake};
pub use error::ReconcileError;
pub use journal::StateJournal;
pub use pass::{Pass, Writes};
pub use reading::{RootsCache, read_tree};
pub use reconciler::{Reconciler, Settings};
pub use requests::Requests;
pub use revision::{Following, Revision};
pub use watch::{Unwatched, Watch};
