//! What the registries answered, by place, compact, with ages. Pure.

mod answer;
mod expiry;
mod glimpse;
mod inference;
mod memory;
mod question;
mod renumbering;
mod standing;
mod store;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Evidence, EvidenceAnswer, ImageAnswer, LeftBehind, SourceAnswer, SourceImage, Twice};
pub use expiry::Bounds;
pub use glimpse::Glimpse;
pub use memory::{Attempt, Memory};
pub use question::{Ask, Class, Depth, Question};
pub use store::{Facts, Known, SourceFact, TagFacts, UnitFacts, Values};
