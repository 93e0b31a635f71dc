//! Everything a reconciliation holds between passes.

use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::capabilities::KnownCapabilities;
use super::reading::RootsCache;
use super::recollection::Recollection;
use super::revision::Revision;
use super::state::{Adoption, State};
use crate::desired::ParseCache;
use crate::execute::{Clock, Concurrency, World};
use crate::facts::{Facts, Memory};
use crate::graph::{Graph, Touched};
use crate::model::{
    Admission, Digest, EndpointIndex, EndpointSet, Limits, NodeId, RefusedReport, SignaturePlacement, Slot, TagId,
    UnitId,
};
use crate::observe::{KeptVerdicts, ObserveLimits, Observer};
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
    /// How many requests one pass may send to look; writes are not counted.
    pub requests_per_pass: u64,
    /// Passes that [`Reconciler::converge`] runs at most.
    pub passes: usize,
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
            requests_per_pass: 1_000_000,
            passes: 16,
            verdicts: None,
            capabilities: None,
        }
    }
}

/// Brings registries to what a commit says, pass by pass.
pub struct Reconciler<W: World, S: Source> {
    pub(super) world: Arc<W>,
    pub(super) source: Arc<S>,
    pub(super) observer: Observer<W::Registry>,
    pub(super) recollection: Recollection,
    pub(super) settings: Settings,
    pub(super) graph: Graph,
    pub(super) facts: Facts,
    pub(super) memory: Memory,
    pub(super) revision: Option<Revision>,
    /// A commit that was to be followed, and is not.
    pub(super) refused: Option<RefusedReport>,
    pub(super) parse_cache: ParseCache,
    pub(super) roots: RootsCache,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// # Errors
    /// Where the state cannot be read.
    pub fn new(world: Arc<W>, source: Arc<S>, state: Arc<State>, settings: Settings) -> Result<Self, ReconcileError> {
        Ok(Self {
            observer: Observer::new(
                world.registry().clone(),
                settings.observe,
                settings.limits,
                settings.verdicts.clone(),
            ),
            recollection: Recollection::load(state)?,
            world,
            source,
            settings,
            graph: Graph::default(),
            facts: Facts::default(),
            memory: Memory::default(),
            revision: None,
            refused: None,
            parse_cache: ParseCache::default(),
            roots: RootsCache::default(),
        })
    }

    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    #[must_use]
    pub fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    /// Takes a revision as what shall be. Numbers, and the facts kept beside them, survive unless the targets changed.
    pub(super) fn take(&mut self, revision: &Revision) -> Result<(), ReconcileError> {
        match self.graph.update(&revision.resolved.desired) {
            Touched::Everything => {
                self.facts = Facts::new(&self.graph);
                self.memory = Memory::default();
                let all: Vec<UnitId> = self.graph.wanted().collect();
                self.recollection.remember(&self.graph, &all, &mut self.memory)?;
            }
            Touched::Units(units) => {
                self.facts.grow(&self.graph);
                self.recollection.remember(&self.graph, &units, &mut self.memory)?;
            }
        }
        self.recollection
            .declare(&self.graph, &revision.ledger, &mut self.memory);
        Ok(())
    }

    /// Takes up what is known of the endpoints' registries now.
    pub(super) fn know_registries(&mut self, now: Timestamp) {
        let Some(known) = &self.settings.capabilities else {
            return;
        };
        self.memory.capabilities = self
            .graph
            .endpoints()
            .map(|(target, endpoint, place)| ((target, endpoint), known.below(&place.prefix, now)))
            .filter(|(_, capabilities)| !capabilities.is_empty())
            .collect();
    }

    /// How a claim was admitted, where landfall remembers it.
    #[must_use]
    pub fn admission(&self, unit: UnitId) -> Option<&Arc<Admission>> {
        self.memory.admissions.get(&unit)
    }

    /// Where a node's artifact shall stand.
    #[must_use]
    pub fn wanted_at(&self, node: NodeId) -> EndpointSet {
        let Some(claim) = self.graph.unit(node.unit).claim() else {
            return EndpointSet::EMPTY;
        };
        let primary_only =
            self.graph.target(self.graph.target_of(node.unit)).signatures == SignaturePlacement::PrimaryOnly;
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
            .adopt(&self.graph, tag, endpoint, &adoption, &mut self.memory)
    }
}
