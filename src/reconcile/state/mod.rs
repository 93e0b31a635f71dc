//! What landfall must not forget: the accepted commit, admissions, what it wrote, what it signed, what failed.

mod batch;
mod error;
mod keys;
mod rows;
mod store;
mod table;

pub use super::database::Disk;
pub use batch::Batch;
pub use error::StateError;
pub use keys::{ClaimKey, JournalKey, NodeKey};
pub use rows::{Adoption, Attempt, JournalEntry};
pub use store::State;
