//! Between `state`, which speaks in names, and the planner's memory, which speaks in the graph's numbers. Both are
//! changed here and nowhere else, so that they never say different things.

mod artifacts;
mod attempts;
mod followed;
mod keys;
mod novelty;
mod unfinished;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::state::{Adoption, Batch, ClaimKey, State, StateError};
use crate::facts::Memory;
use crate::graph::Graph;
use crate::model::{Admission, CommitId, Digest, EndpointIndex, Repository, Tag, TagId, UnitId};
use artifacts::Artifacts;
use attempts::Attempts;
use keys::claim_key;
use novelty::Novelty;

pub(super) use keys::journal_key;

/// State, and its rows by the names under which units that come into the graph look them up.
pub(super) struct Recollection {
    state: Arc<State>,
    first_accepted: Option<CommitId>,
    admissions: HashMap<ClaimKey, Arc<Admission>>,
    recorded: HashSet<ClaimKey>,
    written: HashMap<(Repository, Tag), Digest>,
    adoptions: HashMap<(Repository, Tag), Digest>,
    artifacts: Artifacts,
    attempts: Attempts,
    novelty: Novelty,
    /// Copies that were begun and did not end with every blob verified.
    unfinished: HashSet<(Repository, Digest)>,
}

impl Recollection {
    pub fn load(state: Arc<State>) -> Result<Self, ReconcileError> {
        Ok(Self {
            first_accepted: state.first_accepted()?,
            admissions: state
                .admissions()?
                .into_iter()
                .map(|(key, admission)| (key, Arc::new(admission)))
                .collect(),
            recorded: state.recorded()?.into_keys().collect(),
            written: state.all_written()?.into_iter().collect(),
            adoptions: state
                .adoptions()?
                .into_iter()
                .map(|(place, adoption)| (place, adoption.digest))
                .collect(),
            artifacts: Artifacts::load(&state)?,
            attempts: Attempts::load(&state)?,
            novelty: Novelty::default(),
            unfinished: state.unfinished()?.into_iter().collect(),
            state,
        })
    }

    /// What the methods that change rows are given a batch of.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Fills the memory of units that are new or changed. It reads nothing but what was loaded, so that it cannot fail
    /// halfway through a commit.
    pub fn remember(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) {
        for id in units {
            let key = claim_key(graph, *id);
            match self.admissions.get(&key) {
                Some(admission) => memory.admissions.insert(*id, Arc::clone(admission)),
                None => memory.admissions.remove(id),
            };
            if self.recorded.contains(&key) {
                memory.recorded.insert(*id);
            }
            self.artifacts.remember(graph, *id, &key, memory);
            self.remember_tags(graph, *id, memory);
        }
        self.remember_unfinished(graph, units, memory);
        self.attempts.remember(graph, units, memory);
    }

    fn remember_tags(&self, graph: &Graph, id: UnitId, memory: &mut Memory) {
        let unit = graph.unit(id);
        for tag in &unit.tags {
            let name = graph.tag(*tag).1;
            memory.written.remove(tag);
            memory.adopted.remove(tag);
            for endpoint in graph.target(graph.target_of(id)).all_endpoints().iter() {
                let place = (graph.place(unit.repository, endpoint), name.clone());
                if let Some(digest) = self.written.get(&place) {
                    memory.written.entry(*tag).or_default().set(endpoint, *digest);
                }
                if let Some(digest) = self.adoptions.get(&place) {
                    memory.adopted.entry(*tag).or_default().push(*digest);
                }
            }
        }
    }

    pub fn is_admitted(&self, graph: &Graph, unit: UnitId) -> Result<bool, StateError> {
        Ok(self.state.admission(&claim_key(graph, unit))?.is_some())
    }

    /// Records an admission that took no write. `recorded` says that a registry knew of the claim before this state did.
    pub fn admit(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        (unit, admission, recorded): &(UnitId, Arc<Admission>, bool),
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        let key = claim_key(graph, *unit);
        batch.admit(&key, admission)?;
        if *recorded {
            batch.set_recorded(&key, now)?;
        }
        self.admitted(graph, *unit, admission, *recorded, memory);
        Ok(())
    }

    /// An admission is in state.
    pub fn admitted(
        &mut self,
        graph: &Graph,
        unit: UnitId,
        admission: &Arc<Admission>,
        recorded: bool,
        memory: &mut Memory,
    ) {
        let key = claim_key(graph, unit);
        if recorded {
            self.recorded.insert(key.clone());
            memory.recorded.insert(unit);
        }
        self.admissions.insert(key, Arc::clone(admission));
        memory.admissions.insert(unit, Arc::clone(admission));
    }

    pub fn adopt(
        &mut self,
        graph: &Graph,
        tag: TagId,
        endpoint: EndpointIndex,
        adoption: &Adoption,
        memory: &mut Memory,
    ) -> Result<(), ReconcileError> {
        let (repository, name) = graph.tag(tag);
        let place = graph.place(repository, endpoint);
        self.state.write(|batch| batch.adopt(&place, name, adoption))?;
        self.adoptions.insert((place, name.clone()), adoption.digest);
        memory.adopted.entry(tag).or_default().push(adoption.digest);
        Ok(())
    }
}
