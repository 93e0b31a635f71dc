//! Everything a reconciliation holds between passes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::capabilities::KnownCapabilities;
use super::engine::{Engine, LaneLimits};
use super::reading::RootsCache;
use super::recollection::Recollection;
use super::revision::Revision;
use super::state::{Adoption, State};
use crate::desired::ParseCache;
use crate::execute::{Clock, Concurrency, ExecutionOptions, Executor, UnitAdmission, World};
use crate::facts::Facts;
use crate::graph::Graph;
use crate::model::{
    Admission, Digest, EndpointIndex, EndpointSet, Limits, NodeId, Pause, RefusedReport, SignaturePlacement, Slot,
    TagId, TargetId, UnitId,
};
use crate::observe::{KeptVerdicts, ObserveLimits, Observer};
use crate::plan::Planned;
use crate::source::Source;
use crate::transfer::TransferLimits;

/// How a reconciler works; the same for all its passes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Written into promotion records, without credentials.
    pub git_url: Arc<str>,
    pub limits: Limits,
    pub observe: ObserveLimits,
    pub concurrency: Concurrency,
    pub transfer: TransferLimits,
    pub lanes: LaneLimits,
    /// How many requests one pass may send to look; writes are not counted.
    pub requests_per_pass: u64,
    /// What earlier processes verified.
    pub verdicts: Option<Arc<dyn KeptVerdicts>>,
    /// What registries can do, where that is declared or was shown before.
    pub capabilities: Option<Arc<dyn KnownCapabilities>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            git_url: Arc::default(),
            limits: Limits::default(),
            observe: ObserveLimits::default(),
            concurrency: Concurrency::default(),
            transfer: TransferLimits::default(),
            lanes: LaneLimits::default(),
            requests_per_pass: 1_000_000,
            verdicts: None,
            capabilities: None,
        }
    }
}

impl Settings {
    pub(super) fn execution(&self) -> ExecutionOptions {
        ExecutionOptions {
            git_url: Arc::clone(&self.git_url),
            limits: self.limits,
            concurrency: self.concurrency,
            transfer: self.transfer,
        }
    }
}

/// Brings registries to what a commit says, pass by pass.
pub struct Reconciler<W: World, S: Source> {
    pub(super) world: Arc<W>,
    pub(super) source: Arc<S>,
    pub(super) observer: Arc<Observer<W::Registry>>,
    pub(super) executor: Executor<W>,
    pub(super) engine: Engine,
    /// Admissions of runs under way that are not on record yet.
    pub(super) admitting: HashMap<UnitId, UnitAdmission>,
    pub(super) recollection: Recollection,
    pub(super) settings: Settings,
    /// Counts how often endpoints were numbered anew.
    pub(super) numbering: u64,
    pub(super) revision: Option<Revision>,
    /// A commit that was to be followed, and is not.
    pub(super) refused: Option<RefusedReport>,
    /// Whether the branch could be followed to its head when that was last tried.
    pub(super) is_following: bool,
    /// Why it could not.
    pub(super) branch_error: Option<String>,
    /// Nothing is written until somebody resumes.
    pub(super) pause: Option<Pause>,
    pub(super) parse_cache: ParseCache,
    pub(super) roots: RootsCache,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// # Errors
    /// Where the state cannot be read.
    pub fn new(world: Arc<W>, source: Arc<S>, state: Arc<State>, settings: Settings) -> Result<Self, ReconcileError> {
        let executor = Executor::new(Arc::clone(&world), &settings.execution());
        let (registry, verdicts) = (world.registry().clone(), settings.verdicts.clone());
        let observer = Observer::new(registry, settings.observe, settings.limits, verdicts).noting(executor.seen());
        Ok(Self {
            observer: Arc::new(observer),
            executor,
            engine: Engine::new(settings.lanes),
            admitting: HashMap::new(),
            pause: state.pause()?,
            recollection: Recollection::load(state)?,
            world,
            source,
            settings,
            numbering: 0,
            revision: None,
            refused: None,
            is_following: false,
            branch_error: None,
            parse_cache: ParseCache::default(),
            roots: RootsCache::default(),
        })
    }

    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.engine.graph
    }

    /// Whether the branch could be followed to its head when the daemon last tried.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.is_following
    }

    /// The plan as the last pass left it.
    #[must_use]
    pub fn planned(&self) -> Planned {
        self.engine.planned()
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.engine.facts
    }

    #[must_use]
    pub fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    /// Takes a revision as what shall be. Numbers, and the facts kept beside them, survive; what the commit made untrue is
    /// forgotten.
    ///
    /// What can fail comes first: where it does, all is as it was.
    pub(super) fn take(&mut self, revision: &Revision) -> Result<(), ReconcileError> {
        self.recollection.assign(&revision.resolved.desired)?;
        let touched = self.engine.graph.update(&revision.resolved.desired);
        self.engine.facts.follow(&self.engine.graph, &touched);
        let (graph, memory) = (&self.engine.graph, &mut self.engine.memory);
        for renumbered in &touched.endpoints {
            memory.renumber(graph, renumbered);
        }
        self.numbering += touched.endpoints.len() as u64;
        self.recollection.remember(graph, &touched.units, memory);
        self.recollection.remember_new(
            graph,
            &touched.units,
            (revision.commit, &revision.ledger),
            &*self.source,
            memory,
        );
        self.recollection
            .declare(&self.engine.graph, &revision.ledger, &mut self.engine.memory);
        self.engine.follow(&touched, self.world.clock().now());
        Ok(())
    }

    /// Takes up what is known of the endpoints' registries now, and has those targets planned anew of which it is another.
    pub(super) fn know_registries(&mut self, now: Timestamp) {
        let Some(known) = &self.settings.capabilities else {
            return;
        };
        let now_known: HashMap<_, _> = self
            .graph()
            .endpoints()
            .map(|(target, endpoint, place)| ((target, endpoint), known.below(&place.prefix, now)))
            .filter(|(_, capabilities)| !capabilities.is_empty())
            .collect();
        let before = std::mem::replace(&mut self.engine.memory.capabilities, now_known);
        let after = &self.engine.memory.capabilities;
        let places = before.keys().chain(after.keys());
        let changed: BTreeSet<TargetId> = places
            .filter(|place| before.get(place) != after.get(place))
            .map(|(target, _)| *target)
            .collect();
        for target in changed {
            self.engine.touch_target(target);
        }
    }

    /// How a claim was admitted, where landfall remembers it.
    #[must_use]
    pub fn admission(&self, unit: UnitId) -> Option<&Arc<Admission>> {
        self.engine.memory.admissions.get(&unit)
    }

    /// Where a node's artifact shall stand.
    #[must_use]
    pub fn wanted_at(&self, node: NodeId) -> EndpointSet {
        let Some(claim) = self.engine.graph.unit(node.unit).claim() else {
            return EndpointSet::EMPTY;
        };
        let primary_only = self
            .engine
            .graph
            .target(self.engine.graph.target_of(node.unit))
            .signatures
            == SignaturePlacement::PrimaryOnly;
        match node.slot {
            Slot::Signature(_) | Slot::Attestation(_) if primary_only => claim.endpoints & EndpointSet::PRIMARY,
            _ => claim.endpoints,
        }
    }

    /// Allows a tag that stands on `found`, which landfall neither set nor declared, to be taken over.
    ///
    /// # Errors
    /// Where the state cannot be written.
    pub fn adopt(
        &mut self,
        tag: TagId,
        endpoint: EndpointIndex,
        found: Digest,
        reason: &str,
    ) -> Result<(), ReconcileError> {
        let adoption = Adoption {
            digest: found,
            reason: reason.to_owned(),
            at: self.world.clock().now(),
        };
        self.recollection
            .adopt(&self.engine.graph, tag, endpoint, &adoption, &mut self.engine.memory)
    }
}
