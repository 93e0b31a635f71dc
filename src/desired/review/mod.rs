//! What a change does, for those who review it: two revisions compared, each resolved by the same code as ever.

mod changes;
mod comparison;
mod grants;
mod kpromo_manifests;
mod lines;
mod merge;
mod projects;
mod remarks;
mod retags;
mod rules;
mod settings;
mod signers;
mod strictness;
mod targets;
#[cfg(test)]
mod tests;

pub use changes::ClaimChange;
pub use comparison::{Review, Side, review};
pub use lines::LineMap;
pub use merge::{Merged, Sides, merge};
