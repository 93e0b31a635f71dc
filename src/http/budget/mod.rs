//! How much may be sent, how fast, and whose turn it is.

mod gate;
mod host;
mod named;
mod pace;
mod queue;
mod quota;
mod sample;
mod window;

pub use gate::{Lane, Line};
pub use host::Place;
pub(super) use host::Refused;
pub use named::{BudgetId, BudgetLimits};
pub(super) use named::Budgets;
