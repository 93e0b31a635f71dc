//! Between `state`, which speaks in names, and the planner's memory, which speaks in the graph's numbers.

mod attempts;
mod followed;
mod keys;

use std::collections::HashMap;
use std::sync::Arc;

use super::ReconcileError;
use super::state::{Adoption, Batch, ClaimKey, State, StateError};
use crate::facts::Memory;
use crate::graph::Graph;
use crate::model::{Admission, Digest, EndpointIndex, NodeId, Repository, Tag, TagId, UnitId};
use keys::{artifact_key, claim_key};

pub(super) use keys::journal_key;

/// State, and the rows that are looked up by name for each unit that comes into the graph.
pub(super) struct Recollection {
    state: Arc<State>,
    admissions: HashMap<ClaimKey, Arc<Admission>>,
    written: HashMap<(Repository, Tag), Digest>,
}

impl Recollection {
    pub fn load(state: Arc<State>) -> Result<Self, ReconcileError> {
        Ok(Self {
            admissions: state
                .admissions()?
                .into_iter()
                .map(|(key, admission)| (key, Arc::new(admission)))
                .collect(),
            written: state.all_written()?.into_iter().collect(),
            state,
        })
    }

    /// What the methods that change rows are given a batch of.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Fills the memory of units that are new or changed.
    pub fn remember(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) -> Result<(), ReconcileError> {
        memory.intact = self.state.intact_since()?.is_some();
        for id in units {
            let unit = graph.unit(*id);
            if let Some(admission) = self.admissions.get(&claim_key(graph, *id)) {
                memory.admissions.insert(*id, Arc::clone(admission));
            }
            let (target, _) = graph.repository(unit.repository);
            for tag in &unit.tags {
                let name = graph.tag(*tag).1;
                for endpoint in graph.target(target).all_endpoints().iter() {
                    let place = graph.place(unit.repository, endpoint);
                    if let Some(digest) = self.written.get(&(place, name.clone())) {
                        memory.written.entry(*tag).or_default().set(endpoint, *digest);
                    }
                }
            }
        }
        for (key, entry) in self.state.all_journalled()? {
            let Some(unit) = graph.find(&key.claim.target, &key.claim.repository, key.claim.digest) else {
                continue;
            };
            let node = NodeId {
                unit,
                slot: key.signed.slot(),
            };
            memory.made.insert(node);
            if entry.artifact.is_some() {
                memory.journal.insert(node, entry.digest);
            }
        }
        self.remember_attempts(graph, units, memory)?;
        self.remember_adoptions(graph, units, memory)
    }

    fn remember_adoptions(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) -> Result<(), ReconcileError> {
        let adoptions = self.state.adoptions()?;
        if !adoptions.is_empty() {
            for id in units {
                let unit = graph.unit(*id);
                for tag in &unit.tags {
                    let name = graph.tag(*tag).1;
                    for endpoint in graph.target(graph.target_of(*id)).all_endpoints().iter() {
                        let place = graph.place(unit.repository, endpoint);
                        if let Some(adoption) = adoptions.get(&(place, name.clone())) {
                            memory.adopted.entry(*tag).or_default().push(adoption.digest);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub fn is_admitted(&self, graph: &Graph, unit: UnitId) -> Result<bool, StateError> {
        Ok(self.state.admission(&claim_key(graph, unit))?.is_some())
    }

    pub fn admit(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        unit: UnitId,
        admission: &Arc<Admission>,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        batch.admit(&claim_key(graph, unit), admission)?;
        self.admitted(graph, unit, admission, memory);
        Ok(())
    }

    /// An admission is in state.
    pub fn admitted(&mut self, graph: &Graph, unit: UnitId, admission: &Arc<Admission>, memory: &mut Memory) {
        self.admissions.insert(claim_key(graph, unit), Arc::clone(admission));
        memory.admissions.insert(unit, Arc::clone(admission));
    }

    /// Signed bytes that stand wherever they are wanted are not attached from the state any more.
    pub fn leave_journal(
        batch: &Batch<'_>,
        graph: &Graph,
        node: NodeId,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        match memory.journal.remove(&node) {
            Some(_) => batch.set_aside(&journal_key(&artifact_key(graph, node))?),
            None => Ok(()),
        }
    }

    pub fn adopt(
        &self,
        graph: &Graph,
        tag: TagId,
        endpoint: EndpointIndex,
        adoption: &Adoption,
        memory: &mut Memory,
    ) -> Result<(), ReconcileError> {
        let (repository, name) = graph.tag(tag);
        let place = graph.place(repository, endpoint);
        self.state.write(|batch| batch.adopt(&place, name, adoption))?;
        memory.adopted.entry(tag).or_default().push(adoption.digest);
        Ok(())
    }
}
