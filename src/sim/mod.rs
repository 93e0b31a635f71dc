//! A seeded, deterministic world: registries with faults, kills, a clock.

mod asked_for_time;
mod clock;
mod harm;
mod history;
pub mod images;
mod judged;
pub mod large;
mod merges;
mod random;
pub mod registry;
mod rules;
mod run;
mod scenario;
mod signer;
mod standing;
mod verdicts;

pub use clock::SimulatedClock;
pub use harm::harm;
pub use history::History;
pub use judged::JudgedRegistries;
pub use random::Seed;
pub use rules::Rules;
pub use run::{Played, SimulatedWorld, Violation, simulate};
pub use scenario::{Scenario, TargetPlan};
pub use signer::{Sign, SimulatedKey, SimulatedSigner};
pub use standing::Standing;
pub use verdicts::Verdicts;
