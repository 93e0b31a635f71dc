//! What steps came to, and how long endpoints have been silent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use jiff::Timestamp;

use super::Recollection;
use super::keys::{find_endpoint, node_key};
use crate::facts::{Answer, Attempt, Memory};
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId, Slot, TargetId, UnitId};
use crate::plan::{Action, Step};
use crate::reconcile::state::{Attempt as AttemptRow, Batch, NodeKey, StateError};

impl Recollection {
    pub(super) fn remember_attempts(
        &self,
        graph: &Graph,
        units: &[UnitId],
        memory: &mut Memory,
    ) -> Result<(), StateError> {
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
        Ok(())
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
        if let Action::Copy { .. } = &step.action {
            Self::copy_ended(batch, graph, step.node.unit, endpoint, memory)?;
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
        if node.slot == Slot::Image {
            memory.unfinished.entry(node.unit).or_default().insert(endpoint);
        }
        let key = (node, endpoint);
        batch.record_failure(&node_key(graph, key), error, now)?;
        let attempt = memory.attempts.entry(key).or_default();
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.last_failure = Some(now);
        attempt.error = Arc::clone(error);
        Ok(())
    }
}

fn attempt(row: &AttemptRow) -> Attempt {
    Attempt {
        failures: row.failures,
        last_failure: (row.failures > 0).then_some(row.last),
        error: row.error.as_str().into(),
        repairs: row.repairs.clone(),
    }
}
