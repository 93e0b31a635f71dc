//! Git's smart protocol over landfall's HTTP client: gix speaks it, and asks for bytes through its trait `Http`.

mod exchange;
mod smart;

pub use smart::Line;
