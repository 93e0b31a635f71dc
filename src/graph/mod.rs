//! `Desired` to `Graph`: units, chains, cycles; drawing.

mod build;
mod chain;
pub mod draw;
mod notation;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod touched;
mod unit;

pub use build::Graph;
pub use chain::Cycle;
pub use notation::{Diagram, Notation, Shape};
pub use touched::{Renumbered, Touched};
pub use unit::{Dependency, DependsAt, Unit};
