//! Between `state`, which speaks in names, and the planner's memory, which speaks in the graph's numbers.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::state::{Adoption, Attempt as AttemptRow, Batch, ClaimKey, JournalKey, NodeKey, Signed, State, StateError};
use crate::desired::{Declaration, Entry as LedgerEntry, Ledger};
use crate::execute::ArtifactKey;
use crate::facts::{Answer, Attempt, Memory};
use crate::graph::Graph;
use crate::model::{Admission, CommitId, Digest, EndpointIndex, NodeId, Repository, Tag, TagId, TargetId, UnitId};
use crate::plan::{Action, Step};

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

    pub fn accepted(&self, branch: &str) -> Result<Option<CommitId>, ReconcileError> {
        Ok(self.state.accepted(branch)?)
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
        self.remember_history(graph, units, memory)?;
        Ok(())
    }

    fn remember_history(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) -> Result<(), ReconcileError> {
        let attempts = self.state.attempts()?;
        if !attempts.is_empty() {
            let mut by_node: HashMap<String, Vec<(String, AttemptRow)>> = HashMap::new();
            for (NodeKey { node, endpoint }, row) in attempts {
                by_node.entry(node).or_default().push((endpoint, row));
            }
            for id in units {
                for slot in graph.unit(*id).slots() {
                    let node = NodeId { unit: *id, slot };
                    for (endpoint, row) in by_node.get(&graph.node_name(node)).into_iter().flatten() {
                        if let Some(endpoint) = find_endpoint(graph, graph.target_of(*id), endpoint) {
                            memory.attempts.insert((node, endpoint), attempt(row));
                        }
                    }
                }
            }
        }
        for (NodeKey { node: target, endpoint }, since) in self.state.silent()? {
            let target = graph.targets().iter().position(|candidate| *candidate.name == *target);
            let Some(target) = target.map(|index| TargetId(index as u32)) else {
                continue;
            };
            if let Some(endpoint) = find_endpoint(graph, target, &endpoint) {
                memory.silent_since.insert((target, endpoint), since);
            }
        }
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

    /// What accepted history declared for each tag.
    pub fn declare(&self, graph: &Graph, ledger: &Ledger, memory: &mut Memory) {
        memory.declared.clear();
        for index in 0..graph.tag_count() {
            let id = TagId(index as u32);
            let (repository, tag) = graph.tag(id);
            let declared = ledger.declared(&graph.public_reference(repository), tag);
            // The one that stands now is no earlier one.
            if declared.len() > 1 {
                memory
                    .declared
                    .insert(id, declared.iter().map(|declaration| declaration.digest).collect());
            }
        }
    }

    pub fn ledger(&self) -> Result<Option<(CommitId, Ledger)>, ReconcileError> {
        let (Some(commit), rows) = self.state.ledger()? else {
            return Ok(None);
        };
        let mut ledger = Ledger::default();
        for ((reference, tag), row) in rows {
            // A ledger that another version wrote is made anew from history.
            let Ok(declarations) = serde_json::from_value::<Vec<Declaration>>(row) else {
                return Ok(None);
            };
            for declaration in declarations {
                ledger.insert(&LedgerEntry {
                    reference: reference.clone(),
                    tag: tag.clone(),
                    declaration,
                });
            }
        }
        Ok(Some((commit, ledger)))
    }

    /// Records a commit as the one that is followed, with what is new in the ledger up to it; `anew` replaces the
    /// ledger as a whole.
    pub fn accept(
        &self,
        branch: &str,
        commit: CommitId,
        ledger: &Ledger,
        new: &[LedgerEntry],
        anew: bool,
    ) -> Result<(), ReconcileError> {
        let rows = |entries: Vec<LedgerEntry>| {
            entries
                .into_iter()
                .map(|LedgerEntry { reference, tag, .. }| (reference, tag))
                .collect::<BTreeSet<_>>()
        };
        let changed = if anew {
            rows(ledger.entries().collect())
        } else {
            rows(new.to_vec())
        };
        Ok(self.state.write(|batch| {
            if anew {
                batch.forget_ledger()?;
            }
            batch.keep_ledger(
                commit,
                changed.iter().map(|(reference, tag)| {
                    let declarations = serde_json::to_value(ledger.declared(reference, tag));
                    (reference, tag, declarations.unwrap_or_default())
                }),
            )?;
            batch.set_accepted(branch, commit)
        })?)
    }

    /// From now on it can be relied on that what this state does not know was never made.
    pub fn set_intact(batch: &Batch<'_>, commit: CommitId, memory: &mut Memory) -> Result<(), StateError> {
        if !memory.intact {
            batch.set_intact(commit)?;
            memory.intact = true;
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

    /// Keeps the account of how long an endpoint has been silent.
    pub fn heard(
        batch: &Batch<'_>,
        graph: &Graph,
        target: TargetId,
        endpoint: EndpointIndex,
        answer: &Answer,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        let key = (target, endpoint);
        let description = graph.target(target);
        let name = NodeKey {
            node: description.name.to_string(),
            endpoint: description.endpoint(endpoint).name.to_string(),
        };
        if *answer == Answer::Endpoint {
            if memory.silent_since.remove(&key).is_some() {
                batch.set_silent(&name, None)?;
            }
        } else if let Entry::Vacant(since) = memory.silent_since.entry(key) {
            since.insert(now);
            batch.set_silent(&name, Some(now))?;
        }
        Ok(())
    }

    pub fn succeeded(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        step: &Step,
        endpoint: EndpointIndex,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        if let Action::Tag { tag, digest, .. } = &step.action {
            let (repository, name) = graph.tag(*tag);
            self.written
                .insert((graph.place(repository, endpoint), name.clone()), *digest);
        }
        let key = (step.node, endpoint);
        let repaired = step.because.is_repair();
        if !repaired && !memory.attempts.contains_key(&key) {
            return Ok(());
        }
        let name = node_key(graph, key);
        batch.record_success(&name, now)?;
        if repaired {
            batch.record_repair(&name, now)?;
        }
        let attempt = memory.attempts.entry(key).or_default();
        attempt.failures = 0;
        attempt.last_failure = None;
        attempt.error = Arc::default();
        if repaired {
            attempt.repairs.push(now);
        }
        if attempt.repairs.is_empty() {
            memory.attempts.remove(&key);
        }
        Ok(())
    }

    pub fn failed(
        batch: &Batch<'_>,
        graph: &Graph,
        node: NodeId,
        endpoint: EndpointIndex,
        error: &Arc<str>,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        let key = (node, endpoint);
        batch.record_failure(&node_key(graph, key), error, now)?;
        let attempt = memory.attempts.entry(key).or_default();
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.last_failure = Some(now);
        attempt.error = Arc::clone(error);
        Ok(())
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

fn node_key(graph: &Graph, (node, endpoint): (NodeId, EndpointIndex)) -> NodeKey {
    let target = graph.target(graph.target_of(node.unit));
    NodeKey {
        node: graph.node_name(node),
        endpoint: target.endpoint(endpoint).name.to_string(),
    }
}

/// What state calls signed bytes.
pub(super) fn journal_key(key: &ArtifactKey) -> Result<JournalKey, StateError> {
    let signed = Signed::of(key.slot).ok_or_else(|| StateError::Key {
        file: String::new(),
        text: format!("{:?}", key.slot),
    })?;
    Ok(JournalKey {
        claim: ClaimKey {
            target: key.target.clone(),
            repository: key.repository.clone(),
            digest: key.digest,
        },
        signed,
    })
}

fn claim_key(graph: &Graph, id: UnitId) -> ClaimKey {
    let unit = graph.unit(id);
    let (target, path) = graph.repository(unit.repository);
    ClaimKey {
        target: graph.target(target).name.to_string(),
        repository: path.clone(),
        digest: unit.digest,
    }
}

fn artifact_key(graph: &Graph, node: NodeId) -> ArtifactKey {
    let ClaimKey {
        target,
        repository,
        digest,
    } = claim_key(graph, node.unit);
    ArtifactKey {
        target,
        repository,
        digest,
        slot: node.slot,
    }
}

fn find_endpoint(graph: &Graph, target: TargetId, name: &str) -> Option<EndpointIndex> {
    let position = graph
        .target(target)
        .endpoints
        .iter()
        .position(|endpoint| *endpoint.name == *name)?;
    u8::try_from(position).ok().map(EndpointIndex)
}

fn attempt(row: &AttemptRow) -> Attempt {
    Attempt {
        failures: row.failures,
        last_failure: (row.failures > 0).then_some(row.last),
        error: row.error.as_str().into(),
        repairs: row.repairs.clone(),
    }
}
