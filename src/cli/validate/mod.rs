//! `landfall validate`: checks manifests without a network, alone or as a change.

mod alone;
mod command;
mod comparison;
mod github;
mod json;
mod kept_ledger;
mod place;
mod report;
mod sarif;
#[cfg(test)]
pub(in crate::cli) mod tests;
mod text;

pub use command::ValidateCommand;
pub(in crate::cli) use kept_ledger::{ledger_at, meeting};
#[cfg(test)]
pub use report::Report;
