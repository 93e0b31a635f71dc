//! Registries, held against what Git's history asks for: in both directions.

mod exceptions;
mod finding;
mod history;
mod judge;
mod places;
mod report;
#[cfg(test)]
mod tests;

pub use exceptions::Exceptions;
pub use finding::{Finding, FindingKind};
pub use history::History;
pub use judge::{Judge, Unlisted};
pub use places::{Place, below, places};
pub use report::{AuditReport, Looked, NotLookedAt};
