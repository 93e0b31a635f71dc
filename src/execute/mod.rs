//! Runs a plan on a world: order, concurrency, cancellation.

mod artifact;
mod attach;
mod attach_referrer;
mod attach_signature_tag;
mod blob;
mod carry;
mod context;
mod copy;
mod failure;
mod gone_entries;
mod journal;
mod outcome;
mod progress;
mod provider;
mod remove;
mod run;
mod schedule;
mod shared_tag;
mod sign;
mod silence;
mod standing;
mod stop;
mod tag;
mod telling;
#[cfg(test)]
mod tests;
mod unit;
mod view;
mod world;

pub use context::{Concurrency, ExecutionContext, ExecutionOptions, UnitAdmission};
pub use journal::{ArtifactKey, Journal, JournalError, SignedArtifact};
pub use outcome::{Outcome, StepOutcome};
pub use progress::{Progress, Silent};
pub use run::{Event, Events, Executor, Run, RunId, execute};
pub use stop::Stop;
pub use world::{AssembledWorld, Clock, SystemClock, World};
