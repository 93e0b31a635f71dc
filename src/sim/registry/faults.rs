//! How registries fail: drawn from one seed, so that a run can be had again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use super::{Fault, FaultPlan, Operation, SecondWriter, Store};
use crate::model::{Digest, Registry, Repository, Tag};
use crate::sim::Seed;

/// Strikes requests as the plan says. Clones share their state.
#[derive(Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    began: Instant,
}

struct State {
    plan: FaultPlan,
    rng: SmallRng,
    timing: SmallRng,
    second_writers: Vec<(f64, Box<SecondWriter>)>,
    /// Not in lists before this.
    unlisted: HashMap<(Repository, Listed), Instant>,
    stopped: bool,
}

/// What a list holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Listed {
    Tag(Tag),
    Referrer(Digest),
}

impl Faults {
    /// Begins now.
    #[must_use]
    pub fn new(seed: Seed, plan: FaultPlan) -> Self {
        let state = State {
            plan,
            rng: seed.stream("faults"),
            timing: seed.stream("timing"),
            second_writers: Vec::new(),
            unlisted: HashMap::new(),
            stopped: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            began: Instant::now(),
        }
    }

    /// Ends every fault and every second writer; all that was written shows up in lists.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.unlisted.clear();
    }

    /// Goes on with another plan, also after a stop.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut state = self.lock();
        state.plan = plan;
        state.stopped = false;
    }

    /// Lets somebody else write, with this probability before each request.
    pub fn add_second_writer(&self, probability: f64, writer: Box<SecondWriter>) {
        self.lock().second_writers.push((probability, writer));
    }

    /// The fault that strikes this request. The draws do not depend on earlier hits.
    pub(super) fn draw(&self, registry: &Registry, operation: Operation) -> Option<Fault> {
        let mut state = self.lock();
        if state.stopped {
            return None;
        }
        let elapsed = self.began.elapsed();
        let State { plan, rng, .. } = &mut *state;
        let here = plan.registries.get(registry).into_iter().flatten();
        let mut struck = None;
        for rate in here.chain(&plan.everywhere) {
            let concerns = rate.fault.concerns(operation) && rate.on.contain(operation);
            if concerns && rate.during.contains(elapsed) && rng.random_bool(rate.probability) {
                struck = struck.or(Some(rate.fault));
            }
        }
        struck
    }

    /// Lets the second writers write.
    pub(super) fn intrude(&self, store: &Store, repository: &Repository) {
        let mut state = self.lock();
        if state.stopped {
            return;
        }
        let State {
            second_writers, rng, ..
        } = &mut *state;
        for (probability, writer) in second_writers {
            if rng.random_bool(*probability) {
                writer(store, repository, rng);
            }
        }
    }

    /// A time of up to `longest`.
    pub(super) fn delay(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.lock().timing.random())
    }

    /// How often to let others run.
    pub(super) fn turns(&self) -> u32 {
        self.lock().timing.random_range(0..3)
    }

    /// A digest that nothing has.
    pub(super) fn stray_digest(&self) -> Digest {
        Digest::from_bytes(self.lock().rng.random())
    }

    pub(super) fn unlist(&self, repository: &Repository, what: Listed, after: Duration) {
        self.lock()
            .unlisted
            .insert((repository.clone(), what), Instant::now() + after);
    }

    pub(super) fn is_unlisted(&self, repository: &Repository, what: Listed) -> bool {
        let state = self.lock();
        !state.unlisted.is_empty()
            && state
                .unlisted
                .get(&(repository.clone(), what))
                .is_some_and(|until| Instant::now() < *until)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Draws and tables are whole after each statement: a panic elsewhere leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        formatter
            .debug_struct("Faults")
            .field("plan", &state.plan)
            .field("stopped", &state.stopped)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::registry::{Failure, Operations, Rate, Window};

    fn one() -> Registry {
        "one.test".parse().unwrap()
    }

    fn rate(fault: Fault, on: Operations, probability: f64) -> Rate {
        Rate {
            fault,
            on,
            probability,
            during: Window::ALWAYS,
        }
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        let draw = |seed| {
            let rates = rate(Fault::Fails(Failure::Server(None)), Operations::All, 0.5);
            let faults = Faults::new(Seed(seed), FaultPlan::default().and_everywhere(rates));
            (0..64)
                .map(|_| faults.draw(&one(), Operation::HeadBlob).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_fault_strikes_only_what_it_can_concern() {
        let plan = FaultPlan::default().and_everywhere(rate(Fault::LosesWrite, Operations::All, 1.0));
        let faults = Faults::new(Seed(1), plan);
        assert_eq!(faults.draw(&one(), Operation::ReadBlob), None);
        assert_eq!(faults.draw(&one(), Operation::WriteBlob), Some(Fault::LosesWrite));
        faults.stop();
        assert_eq!(faults.draw(&one(), Operation::WriteBlob), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_ends_with_virtual_time() {
        let minute = Duration::from_secs(60);
        let faults = Faults::new(Seed(1), FaultPlan::dead(&one(), Window::until(minute)));
        assert!(faults.draw(&one(), Operation::Ping).is_some());
        tokio::time::advance(minute).await;
        assert!(faults.draw(&one(), Operation::Ping).is_none());
    }
}
