//! Plans kept in files, to be reviewed and applied as they were shown.

mod check;
mod error;
mod identity;
mod limits;
mod lines;
mod read;
mod write;

pub use check::{Stale, StillNeeded};
pub use error::PlanFileError;
pub use identity::plan_digest;
pub use limits::PlanFileLimits;
pub use read::PlanFile;
pub use write::write;
