//! Git: a repository, here or elsewhere, read at a commit without a checkout; its history along first parents; wake-ups.

pub mod author;
mod branch;
mod changes;
mod commits;
mod contract;
mod error;
mod folder;
mod followed;
mod format;
mod introduced;
mod location;
mod object;
mod record;
pub mod remote;
mod replay;
mod repository;
mod section;
#[cfg(test)]
mod testing;
mod tree;
mod watch;
mod work_tree;

pub use contract::{Change, CommitInfo, Entry, Relation, Source};
pub use error::SourceError;
pub use followed::Repository;
pub use introduced::introduced;
pub use location::{Location, SubPath};
pub use object::blob_id;
pub use record::{CommitRecord, Person, Step};
pub use remote::Remote;
pub use replay::{Changed, Visitor};
pub use repository::{GitRepository, Options};
pub use watch::{WatchError, Watcher};
pub use work_tree::Remark;
