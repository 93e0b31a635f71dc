//! YAML as far as other tools' files need it: lists, mappings and scalars of one document, in bounded memory. Pure.

mod error;
mod limits;
mod node;
mod read;
mod scalar;

pub use error::{YamlError, YamlProblem};
pub use limits::YamlLimits;
pub use node::{Content, Key, Node};
pub use read::read;
pub use scalar::Scalar;
