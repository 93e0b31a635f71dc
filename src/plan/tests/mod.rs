//! The planner, its drawings and plan files, on worlds that answer from a seed.

mod capabilities;
mod displaced;
mod drawing;
mod duplicates;
mod examples;
mod files;
mod properties;
mod signing;
mod truth;
mod worlds;
