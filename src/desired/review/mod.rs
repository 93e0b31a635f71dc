//! What a change does, for those who review it: two revisions compared, each resolved by the same code as ever.

mod changes;
mod comparison;
mod grants;
mod kpromo_manifests;
mod lines;
mod merge;
mod named;
mod projects;
mod remarks;
mod retags;
mod rules;
mod settings;
mod side;
mod signers;
mod strictness;
mod targets;
#[cfg(test)]
mod tests;

pub use changes::{ClaimChange, place};
pub use comparison::{Review, review};
pub use lines::LineMap;
pub use merge::{Merged, Sides, merge};
pub use side::Side;
