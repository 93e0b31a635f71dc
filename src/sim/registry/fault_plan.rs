//! What shall go wrong at which registry: plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;

use super::{Failure, Fault, Operation};
use crate::model::Registry;
use crate::sim::Seed;

/// What goes wrong, where, how often and when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    /// At every registry.
    pub everywhere: Vec<Rate>,
    /// Besides, at these.
    pub registries: BTreeMap<Registry, Vec<Rate>>,
}

/// One fault and how often it strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub fault: Fault,
    /// A fault strikes only requests that it can concern, whatever stands here.
    pub on: Operations,
    /// From 0 to 1, for each request.
    pub probability: f64,
    pub during: Window,
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    All,
    /// What asks about one thing.
    Reads,
    Lists,
    Writes,
    Only(Operation),
}

/// A span of time since the faults began, on tokio's clock. The end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Duration,
    pub until: Duration,
}

impl Window {
    pub const ALWAYS: Self = Self {
        from: Duration::ZERO,
        until: Duration::MAX,
    };

    #[must_use]
    pub const fn until(until: Duration) -> Self {
        Self {
            from: Duration::ZERO,
            until,
        }
    }

    pub(super) fn contains(self, time: Duration) -> bool {
        self.from <= time && time < self.until
    }
}

impl Operations {
    pub(super) fn contain(self, operation: Operation) -> bool {
        match self {
            Self::All => true,
            Self::Reads => !operation.is_write() && !operation.is_list(),
            Self::Lists => operation.is_list(),
            Self::Writes => operation.is_write(),
            Self::Only(only) => only == operation,
        }
    }
}

impl FaultPlan {
    /// A registry that does not answer.
    #[must_use]
    pub fn dead(registry: &Registry, during: Window) -> Self {
        let fault = Fault::Fails(Failure::Unreachable);
        Self::default().and_at(
            registry,
            Rate {
                fault,
                on: Operations::All,
                probability: 1.0,
                during,
            },
        )
    }

    #[must_use]
    pub fn and_at(mut self, registry: &Registry, rate: Rate) -> Self {
        self.registries.entry(registry.clone()).or_default().push(rate);
        self
    }

    #[must_use]
    pub fn and_everywhere(mut self, rate: Rate) -> Self {
        self.everywhere.push(rate);
        self
    }

    /// A plan with some of everything: a few kinds of faults for each registry, sometimes a dead one. All of it ends
    /// after `until`.
    #[must_use]
    pub fn drawn(seed: Seed, registries: &[Registry], until: Duration) -> Self {
        let mut rng = seed.stream("fault plan");
        let mut plan = Self::default();
        for registry in registries {
            if rng.random_bool(0.1) {
                let fault = Fault::Fails(Failure::Unreachable);
                let during = Window::until(until.mul_f64(rng.random()));
                plan = plan.and_at(
                    registry,
                    Rate {
                        fault,
                        on: Operations::All,
                        probability: 1.0,
                        during,
                    },
                );
            }
            for fault in Fault::EVERY {
                if rng.random_bool(0.14) {
                    let classes = [
                        Operations::All,
                        Operations::Reads,
                        Operations::Lists,
                        Operations::Writes,
                    ];
                    let on = *classes.choose(&mut rng).unwrap_or(&Operations::All);
                    let probability = rng.random_range(0.01..0.25);
                    let during = Window::until(until);
                    plan = plan.and_at(
                        registry,
                        Rate {
                            fault,
                            on,
                            probability,
                            during,
                        },
                    );
                }
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_plan_is_the_same_for_the_same_seed() {
        let draw = |seed| FaultPlan::drawn(Seed(seed), &["one.test".parse().unwrap()], Duration::from_secs(60));
        assert_eq!(draw(3), draw(3));
        assert!((0..20).any(|seed| draw(seed) != draw(3)));
    }
}
