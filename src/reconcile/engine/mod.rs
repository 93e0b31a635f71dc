//! The engine: what happened comes in, what is to begin comes out. Synchronous, and without channel, clock, runtime or disk.

mod asked;
mod begin;
mod continuous;
mod event;
mod in_flight;
mod lanes;
mod learn;
mod left_alone;
mod pauses;
mod plans;
mod retries;
mod startable;
mod sweeps;
mod touch;
mod turning;

pub use event::{Begin, Event, Learnt, Turn};
pub use in_flight::LookId;
pub use lanes::LaneLimits;
pub use sweeps::Periods;
pub use turning::{Engine, Lasting, Session};
