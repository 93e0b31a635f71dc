//! One seed's run: things happen, passes run, and in the end all is as it should be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use super::Seed;
use super::clock::SimulatedClock;
use super::harm::harm;
use super::history::History;
use super::judged::JudgedRegistries;
use super::registry::{
    FaultPlan, Latency, MemoryRegistries, Store, Write, adds_foreign_referrers, adds_foreign_signatures, moves_tags,
};
use super::rules::Rules;
use super::scenario::Scenario;
use super::signer::{SimulatedKey, SimulatedSigner};
use super::standing::Standing;
use crate::execute::{AssembledWorld, Clock, Stop};
use crate::facts::Depth;
use crate::model::{CarriedKind, Digest, Slot, Source, UnitId};
use crate::plan::{Blocked, Cause, Scope};
use crate::reconcile::state::{Disk, State};
use crate::reconcile::{Following, Pass, ReconcileError, Reconciler, Settings, StateJournal, Unwatched, Writes};

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

/// Registries in memory, one key, virtual time.
pub type SimulatedWorld = AssembledWorld<JudgedRegistries, SimulatedSigner, StateJournal, SimulatedClock>;

/// Passes that may be needed once nothing goes wrong any more.
const PASSES_TO_CONVERGE: usize = 4;

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
pub async fn simulate(seed: Seed, key: &SimulatedKey) -> Result<Played, Box<Violation>> {
    let violation = |story: Vec<String>, what: Vec<String>| Box::new(Violation { seed, story, what });
    let mut run = Run::new(seed, key);
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
    fn new(seed: Seed, key: &SimulatedKey) -> Self {
        let store = Store::new();
        let scenario = Scenario::draw(seed, &store, &key.public_key().to_pem());
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
            rules: Arc::new(Rules::new(key.public_key().clone())),
            signer: SimulatedSigner::new(key.clone()),
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

    /// One thing happens.
    async fn event(&mut self, mut process: Process) -> Result<Process, String> {
        match self.rng.random_range(0..20) {
            0..=6 => {
                let kill = self.rng.random_bool(0.3);
                process = self.converge(process, kill).await?;
            }
            7..=9 => {
                self.scenario.change(&mut self.rng);
                let commit = self.history.commit(&self.scenario.files(), self.clock.now());
                self.story.push(format!("commit {}", commit.short()));
            }
            10..=13 => {
                for _ in 0..self.rng.random_range(1..4) {
                    self.story
                        .extend(harm(&self.store, &self.scenario.repositories(), &mut self.rng));
                }
            }
            14..=15 => {
                let draw = self.seed.derive(&format!("faults {}", self.story.len()));
                let lasting = Duration::from_secs(self.rng.random_range(1..600));
                let plan = FaultPlan::drawn(draw, &self.scenario.registries(), lasting);
                self.story.push(format!("faults for {lasting:?}"));
                self.registries.faults().set_plan(plan);
            }
            16 => {
                let writer = match self.rng.random_range(0..3) {
                    0 => moves_tags(),
                    1 => adds_foreign_signatures(),
                    _ => adds_foreign_referrers(),
                };
                self.story.push("a second writer comes".to_owned());
                self.registries.faults().add_second_writer(0.02, writer);
            }
            17 => {
                self.story.push("restart".to_owned());
                process = self.restart(process).await?;
            }
            18 => {
                let pause = Duration::from_secs(self.rng.random_range(1..7_200));
                self.story.push(format!("{pause:?} pass"));
                tokio::time::sleep(pause).await;
            }
            _ => {
                if self.rng.random_bool(0.3) {
                    self.story.push("the state is lost".to_owned());
                    self.disk = Disk::new();
                    self.lost_state = true;
                    process = self.restart(process).await?;
                } else {
                    self.rewind(&mut process)?;
                }
            }
        }
        Ok(process)
    }

    /// A forced push that takes accepted commits back must be refused.
    fn rewind(&mut self, process: &mut Process) -> Result<(), String> {
        use crate::source::Source as _;
        let head = self.history.head().map_err(|error| error.to_string())?;
        process
            .follow(head, Following::Accept)
            .map_err(|error| format!("the head is refused: {error}"))?;
        let Some(parent) = self.history.first_parent(head).map_err(|error| error.to_string())? else {
            return Ok(());
        };
        self.story.push("the branch is taken back".to_owned());
        self.history.rewind(parent);
        let refused = process.follow(parent, Following::Accept);
        self.history.rewind(head);
        match refused {
            Err(ReconcileError::Rewritten { .. }) => Ok(()),
            Err(error) => Err(format!("a rewritten branch is refused for another reason: {error}")),
            Ok(_) => Err("a rewritten branch is followed".to_owned()),
        }
    }

    /// Follows the head and runs passes; with `kill`, until the process is killed at a random moment.
    async fn converge(&mut self, mut process: Process, kill: bool) -> Result<Process, String> {
        self.follow(&mut process)?;
        self.rules.begin_pass();
        let scope = Scope {
            honour_history: self.rng.random_bool(0.5),
            ..Scope::default()
        };
        if kill {
            let after = Duration::from_millis(self.rng.random_range(1..1_500));
            let rules = Arc::clone(&self.rules);
            let stop = Stop::new();
            let killed = tokio::select! {
                biased;
                () = tokio::time::sleep(after) => true,
                ended = process.converge(&scope, &*rules, &stop) => {
                    ended.map_err(|error| error.to_string())?;
                    false
                }
            };
            if killed {
                self.story.push(format!("killed {after:?} into a pass"));
                return self.restart(process).await;
            }
        } else {
            let passes = process
                .converge(&scope, &*self.rules, &Stop::new())
                .await
                .map_err(|error| error.to_string())?;
            self.story.push(format!("{} passes", passes.len()));
        }
        Ok(process)
    }

    fn follow(&self, process: &mut Process) -> Result<(), String> {
        use crate::source::Source as _;
        let head = self.history.head().map_err(|error| error.to_string())?;
        let revision = process
            .follow(head, Following::Accept)
            .map_err(|error| format!("the head is refused: {error}"))?;
        if revision.has_errors() {
            return Err(format!("the manifests have errors: {:?}", revision.diagnostics));
        }
        Ok(())
    }

    /// Runs passes until nothing is left to do, as many as may be needed.
    async fn settle(&mut self, process: &mut Process) -> Result<(), String> {
        self.follow(process)?;
        let thorough = Scope {
            depth: Depth::Blobs,
            ..Scope::default()
        };
        let mut left = Vec::new();
        for _ in 0..PASSES_TO_CONVERGE {
            self.rules.begin_pass();
            let passes = process
                .converge(&thorough, &*self.rules, &Stop::new())
                .await
                .map_err(|error| error.to_string())?;
            let Some(last) = passes.last() else { continue };
            self.allow_conflicts(process, &last.last.blocked)?;
            if self.is_settled(process, last) {
                return Ok(());
            }
            left = last
                .last
                .blocked
                .iter()
                .map(|blocked| format!("{:?}", blocked.cause))
                .chain(last.last.questions.iter().map(|question| format!("{question:?}")))
                .chain(last.last.steps.iter().map(|step| format!("{step:?}")))
                .collect();
        }
        Err(format!("not converged after {PASSES_TO_CONVERGE} rounds: {left:?}"))
    }

    /// Nothing is left but what nobody can repair: damage that took the last copy.
    fn is_settled(&self, process: &Process, pass: &Pass) -> bool {
        let is_gone = |blocked: &Blocked| match &blocked.cause {
            Cause::CarriedLost { unit, digests } => digests.iter().all(|digest| self.is_gone(process, *unit, digest)),
            _ => false,
        };
        let left = &pass.last;
        !pass.interrupted && left.steps.is_empty() && left.questions.is_empty() && left.blocked.iter().all(is_gone)
    }

    /// Neither the places of a claim nor those that it reads from have all of a manifest.
    fn is_gone(&self, process: &Process, unit: UnitId, digest: &Digest) -> bool {
        let graph = process.graph();
        let places_of = |unit: UnitId| {
            let endpoints = graph
                .unit(unit)
                .claim()
                .map(|claim| claim.endpoints)
                .unwrap_or_default();
            endpoints
                .iter()
                .map(move |endpoint| graph.place(graph.unit(unit).repository, endpoint))
        };
        let source = match graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(Source::Registry(repository)) => Some(repository.clone()),
            _ => None,
        };
        let upstream = graph.upstream(unit).into_iter().flat_map(places_of);
        !places_of(unit)
            .chain(upstream)
            .chain(source)
            .any(|place| Standing::is_whole(&self.store, &place, digest))
    }

    /// Without its state landfall cannot know that a tag was its own; somebody says so.
    fn allow_conflicts(&self, process: &mut Process, blocked: &[Blocked]) -> Result<(), String> {
        for blocked in blocked {
            if let Cause::Conflict { tag, endpoint, found } = &blocked.cause {
                if !self.lost_state {
                    return Err(format!(
                        "a tag that landfall set is called foreign: {:?}",
                        blocked.cause
                    ));
                }
                process
                    .adopt(*tag, *endpoint, *found, "the state was lost")
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Everything stands, whole and verified, and nothing was signed twice into a registry.
    fn check(&self, process: &Process) -> Result<(), String> {
        let graph = process.graph();
        for id in graph.wanted() {
            let unit = graph.unit(id);
            let Some(claim) = unit.claim() else { continue };
            let public = graph.public_reference(unit.repository);
            for endpoint in claim.endpoints.iter() {
                let place = graph.place(unit.repository, endpoint);
                let standing = Standing::read(&self.store, &place, &unit.digest, &public, self.rules.verdicts());
                let name = format!("{place}@{}", unit.digest);
                if !standing.image {
                    return Err(format!("{name}: the image is not whole"));
                }
                let carried = process
                    .admission(id)
                    .map(|admission| &*admission.carried)
                    .unwrap_or_default();
                for item in carried
                    .iter()
                    .filter(|item| matches!(item.kind, CarriedKind::Referrer { .. }))
                {
                    if !Standing::is_whole(&self.store, &place, &item.digest)
                        && !self.is_gone(process, id, &item.digest)
                    {
                        return Err(format!("{name}: {} did not travel", item.digest));
                    }
                }
                for slot in unit.slots() {
                    let (what, found) = match slot {
                        Slot::Gate | Slot::Image => continue,
                        Slot::Tag(tag) => {
                            let (_, tag) = graph.tag(tag);
                            let at = self.store.tag(&place, tag);
                            if at != Some(unit.digest) {
                                return Err(format!("{name}: tag {tag} stands on {at:?}"));
                            }
                            continue;
                        }
                        Slot::Signature(crate::model::SignatureForm::Bundle) => ("bundles", &standing.bundles),
                        Slot::Signature(crate::model::SignatureForm::Tag) => ("entries in .sig", &standing.entries),
                        Slot::Attestation(_) => ("promotion records", &standing.attestations),
                    };
                    if found.is_empty()
                        && process
                            .wanted_at(crate::model::NodeId { unit: id, slot })
                            .contains(endpoint)
                    {
                        return Err(format!("{name}: there are no {what}"));
                    }
                    if found.len() > 1 && !self.lost_state {
                        return Err(format!("{name}: signed more than once: {} {what}", found.len()));
                    }
                }
            }
        }
        Ok(())
    }

    /// A pass over what is as desired writes nothing, and does not ask more than it must.
    async fn check_quiet(&mut self, process: &mut Process) -> Result<(), String> {
        let mark = self.store.now();
        let requests_before = self.store.requests().total();
        self.rules.begin_pass();
        let pass = process
            .pass(
                &Scope::default(),
                &crate::facts::Bounds::FRESH,
                Writes::Due,
                &Unwatched,
                &Stop::new(),
            )
            .await
            .map_err(|error| error.to_string())?;
        if !self.is_settled(process, &pass) || !pass.ran.is_empty() {
            return Err(format!(
                "a pass after convergence is not quiet: {:?} {:?}",
                pass.ran, pass.last
            ));
        }
        let writes = self.store.client_writes_since(mark);
        if !writes.is_empty() {
            return Err(format!("a pass after convergence writes: {writes:?}"));
        }
        let requests = self.store.requests().total() - requests_before;
        let graph = process.graph();
        let places: usize = graph
            .wanted()
            .filter_map(|unit| graph.unit(unit).claim().map(|claim| claim.endpoints.len()))
            .sum();
        // An image of these scenarios has at most 7 manifests, and 8 things beside it of at most 3 requests each.
        let bound = (places * 48 + 8) as u64;
        if requests > bound {
            return Err(format!("a quiet pass sent {requests} requests for {places} places"));
        }
        Ok(())
    }
}
