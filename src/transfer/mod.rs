//! Copying between registries, written against the `Registry` trait.

mod artifact;
mod blob;
mod copy;
mod error;
mod fan_out;
mod in_flight;
mod known_content;
mod limits;
mod shared_tags;
mod tree;

pub use artifact::Artifact;
pub use copy::{CopyResult, Transfer};
pub use error::{SourceFailure, SourceProblem, TransferError};
pub use known_content::known_content;
pub use limits::TransferLimits;
pub use shared_tags::{SharedTags, TagGuard};
pub use tree::{ImageTree, TreeAnswer, TreeError, TreeManifest, read_tree};
