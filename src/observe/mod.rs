//! Answers the planner's questions: registries are read, and everything found is verified before it counts.

mod budget;
mod carried;
mod collection;
mod endpoint;
mod evidence;
mod expectations;
mod failure;
mod generations;
mod image;
mod limits;
mod look;
mod observer;
mod place;
mod signed;
mod source;
#[cfg(test)]
mod tests;
mod verdict;
mod verification;

pub use expectations::{Expectations, Known};
pub use limits::ObserveLimits;
pub use look::Look;
pub use observer::{Answered, Observer};
pub use verdict::{KeptVerdicts, Verdict};
