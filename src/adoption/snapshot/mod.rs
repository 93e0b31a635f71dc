//! A live registry, read so that it can be written down as manifests.

mod creation;
mod kpromo;
mod reading;
mod repositories;
mod selection;
mod signatures;

pub use kpromo::files as kpromo_files;
pub use reading::{ReadError, Standing, read};
pub use repositories::{FindError, Found, find};
pub use selection::{Selected, Selection};
