//! Plans as table, JSON, DOT and Mermaid.

mod diagram;
mod json;
mod layout;
mod style;
mod summary;
mod table;

pub use diagram::diagram;
pub use json::json;
pub use style::{Style, Tone};
pub use summary::Summary;
pub use table::{TableOptions, table};
