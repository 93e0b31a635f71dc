//! What was found beside an image, and whether it proves what is asked for.

mod demand;
mod judge;
mod piece;
mod predicates;
mod proof;

pub use demand::{AcceptedSigner, Demand, Wanted};
pub use judge::{judge, verify_blob};
pub use piece::{Form, Found, Piece};
pub use predicates::{PREDICATE_NAMES, predicate_uri};
pub use proof::{Proof, ProvenSigner, Stated};
