//! Graph, facts and time to steps, questions and what is blocked. Pure.

mod advice;
mod blocked;
mod displaced;
pub mod draw;
mod duplicates;
mod explanation;
pub mod file;
mod history;
mod if_dropped;
mod image;
mod phrases;
mod planner;
mod record;
mod remedies;
mod signatures;
mod standing;
mod status;
mod step;
mod support;
mod tags;
#[cfg(test)]
mod tests;
mod unit;

pub use advice::{Advice, Audience};
pub use blocked::{Blocked, Cause};
pub use explanation::explain;
pub use planner::{Displaced, Planned, Scope, Sum, UnitPlan, Units, plan, plan_unit, rotations_left, with_upstream};
pub use record::{QuestionRecord, StepRecord, Verb};
pub use signatures::{ROTATION_WINDOW, ROTATIONS_PER_MINUTE};
pub use standing::{Findings, standing};
pub use status::{Status, Tally};
pub use step::{Action, Content, Provider, Reason, Step, Withheld};
