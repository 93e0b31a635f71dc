//! How much may be sent, how fast, and whose turn it is. `docs/design/budgets.md` tells it in a page.

mod gate;
mod host;
mod kinds;
mod named;
mod pace;
mod queue;
mod quota;
mod sample;
#[cfg(test)]
mod tests;
mod window;

pub use gate::{Lane, Line};
pub use host::Place;
pub(super) use host::Refused;
pub(super) use named::Budgets;
pub use named::{BudgetId, BudgetLimits};
