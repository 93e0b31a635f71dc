//! One seed's run: things happen, passes run, and in the end all is as it should be.

mod ending;
mod events;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use super::Seed;
use super::clock::SimulatedClock;
use super::history::History;
use super::judged::JudgedRegistries;
use super::registry::{FaultPlan, Latency, MemoryRegistries, Store, Write};
use super::rules::Rules;
use super::scenario::Scenario;
use super::signer::{SimulatedKey, SimulatedSigner};
use crate::execute::{AssembledWorld, Clock};
use crate::reconcile::state::{Disk, State};
use crate::reconcile::{Reconciler, Settings, StateJournal};

/// What a run did and, where it went wrong, what.
#[derive(Debug)]
pub struct Violation {
    pub seed: Seed,
    pub story: Vec<String>,
    pub what: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}:", self.seed.0)?;
        for line in &self.story {
            writeln!(formatter, "  {line}")?;
        }
        for what in &self.what {
            writeln!(formatter, "  VIOLATED: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}

/// Registries in memory, a few keys, virtual time.
pub type SimulatedWorld = AssembledWorld<JudgedRegistries, SimulatedSigner, StateJournal, SimulatedClock>;

/// What a run that went well did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    pub story: Vec<String>,
    /// Every change to a registry, by whomever.
    pub writes: Vec<Write>,
}

/// Runs one seed to its end, on a tokio runtime with one thread and paused time: that makes it the same each time,
/// whatever the machine.
///
/// # Errors
/// Where something happened that never may, or the end is not what the manifests say.
pub async fn simulate(seed: Seed, keys: &[SimulatedKey]) -> Result<Played, Box<Violation>> {
    let violation = |story: Vec<String>, what: Vec<String>| Box::new(Violation { seed, story, what });
    let mut run = Run::new(seed, keys);
    let ended = run.play().await;
    let mut what = run.rules.violations();
    if let Err(error) = ended {
        what.push(error);
    }
    if what.is_empty() {
        Ok(Played {
            writes: run.store.writes(),
            story: run.story,
        })
    } else {
        Err(violation(run.story, what))
    }
}

type Process = Reconciler<SimulatedWorld, History>;

struct Run {
    seed: Seed,
    rng: SmallRng,
    story: Vec<String>,
    store: Store,
    registries: MemoryRegistries,
    rules: Arc<Rules>,
    signer: SimulatedSigner,
    history: Arc<History>,
    scenario: Scenario,
    clock: SimulatedClock,
    disk: Disk,
    /// The state was lost once: what it alone knew is gone.
    lost_state: bool,
}

impl Run {
    fn new(seed: Seed, keys: &[SimulatedKey]) -> Self {
        let store = Store::new();
        let scenario = Scenario::draw(seed, &store, keys.iter().map(|key| key.public_key().to_pem()));
        let registries = MemoryRegistries::seeded(store.clone(), seed, FaultPlan::default()).with_latency(Latency {
            request: Duration::from_millis(5),
            chunk: Duration::from_millis(1),
        });
        let clock = SimulatedClock::start();
        let history = Arc::new(History::default());
        history.commit(&scenario.files(), clock.now());
        Self {
            seed,
            rng: seed.stream("run"),
            story: vec![format!("targets: {:?}", scenario.targets)],
            store,
            registries,
            rules: Arc::new(Rules::new(keys.iter().map(|key| key.public_key().clone()).collect())),
            signer: SimulatedSigner::new(keys),
            history,
            scenario,
            clock,
            disk: Disk::new(),
            lost_state: false,
        }
    }

    fn start(&self) -> Result<Process, String> {
        let state = Arc::new(State::open_on(&self.disk).map_err(|error| error.to_string())?);
        let world = AssembledWorld {
            registry: JudgedRegistries::new(self.registries.clone(), Arc::clone(&self.rules)),
            signers: self.signer.clone(),
            journal: StateJournal::new(Arc::clone(&state)),
            clock: self.clock,
        };
        Reconciler::new(Arc::new(world), Arc::clone(&self.history), state, Settings::default())
            .map_err(|error| error.to_string())
    }

    /// What was running when the process ended is gone with it.
    async fn restart(&self, process: Process) -> Result<Process, String> {
        drop(process);
        self.rules.restarted();
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.start()
    }

    async fn play(&mut self) -> Result<(), String> {
        let mut process = self.start()?;
        for _ in 0..self.rng.random_range(3..9) {
            process = self.event(process).await?;
        }
        self.registries.faults().stop();
        self.story.push("faults stop".to_owned());
        // What was written late shows up, and whoever waits has waited.
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        self.settle(&mut process).await?;
        self.check(&process)?;
        self.check_quiet(&mut process).await
    }
}
