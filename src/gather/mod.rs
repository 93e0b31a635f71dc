//! What stands beside an image at a registry and may prove something: found, fetched within limits, not believed.
//! [`crate::trust::judging`] says what it proves.

mod error;
mod gatherer;
mod image;
mod referrers;

pub use error::GatherError;
pub use gatherer::{Gathered, Gatherer, PassedOver};
pub use image::{ImageAt, images_of};

#[cfg(test)]
mod tests;
