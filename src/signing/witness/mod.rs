//! Who bears witness to a signature: a transparency log that has it, an authority that says when it was made.

mod error;
mod log;
mod services;
mod timestamp;

pub use error::WitnessError;
pub use services::{WitnessSource, Witnesses};
