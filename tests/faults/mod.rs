//! A proxy before a registry that does to its traffic what networks and registries do in the field.

mod action;
mod distortion;
mod elsewhere;
mod fault;
mod proxy;

pub use action::Action;
pub use elsewhere::Elsewhere;
pub use fault::{Fault, RetryAfter};
pub use proxy::{FaultProxy, client};
