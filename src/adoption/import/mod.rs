//! What another tool was told, told to landfall: read, resolved to digests, and arranged as manifests.

mod arrange;
pub mod document;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod reference;
pub mod regsync;
mod report;
mod resolve;
pub mod skopeo_sync;
mod versions;
mod wanted;

pub use arrange::arrange;
pub use report::{Mistake, Note, Report};
pub use resolve::{Resolved, resolve};
pub use wanted::AllWanted;
