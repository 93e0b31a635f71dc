//! What a registry can and cannot do, found out by asking it and, where that is wanted, by trying it.

mod error;
mod examination;
mod examine;
mod hosts;
mod identity;
mod material;
mod reaching;
mod reading;
mod trial;
mod verdict;

pub use error::DoctorError;
pub use examination::{Check, Conclusion, ConclusionKind, Examination, Outcome, Showing, TrialReport, evidence};
pub use examine::Examiner;
