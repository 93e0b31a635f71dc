//! What a change does, for those who review it: two revisions compared, each resolved by the same code as ever.

mod changes;
mod grants;
mod lines;
mod merge;
mod projects;
mod remarks;
mod retags;
mod review;
mod rules;
mod settings;
mod signers;
mod strictness;
mod targets;
#[cfg(test)]
mod tests;

pub use changes::ClaimChange;
pub use lines::LineMap;
pub use merge::{Merged, Sides, merge};
pub use review::{Review, Side, review};
