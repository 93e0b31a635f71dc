//! Copying between registries, written against the `Registry` trait.

mod artifact;
mod blob;
mod content;
mod copy;
mod destination;
mod error;
mod fan_out;
mod in_flight;
mod known_content;
mod lanes;
mod limits;
mod seen_entries;
mod shared_tags;
mod slowness;
mod tree;
mod window;

pub use artifact::Artifact;
pub use copy::{CopyResult, Transfer};
pub use error::{Lost, SourceFailure, SourceProblem, TransferError};
pub use known_content::known_content;
pub use limits::TransferLimits;
pub use seen_entries::SeenEntries;
pub use shared_tags::{SharedTags, TagGuard};
pub use tree::{ImageTree, TreeAnswer, TreeError, TreeManifest, read_tree};
