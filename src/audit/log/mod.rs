//! The promotion log: what each commit of the followed line changed, from Git alone.

mod claims;
mod entry;
mod event;
mod follow;
mod pull_request;
mod read;
mod rules;
#[cfg(test)]
mod tests;

pub use entry::{LogEntry, Merged};
pub use event::{Event, EventKind};
pub use pull_request::{Forge, PullRequest};
pub use read::read;
