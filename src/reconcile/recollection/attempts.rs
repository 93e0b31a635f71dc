//! What steps came to, and how long endpoints have been silent.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::Recollection;
use super::keys::{find_endpoint, node_key};
use crate::facts::{Answer, Attempt, Memory};
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId, Obstacle, Slot, TargetId, UnitId};
use crate::plan::{Action, Step};
use crate::reconcile::state::{Attempt as AttemptRow, Batch, NodeKey, State, StateError};

/// Rows by node, then by endpoint.
pub(super) struct Attempts {
    by_node: HashMap<String, BTreeMap<String, Attempt>>,
    silent: HashMap<NodeKey, Timestamp>,
}

impl Attempts {
    pub fn load(state: &State) -> Result<Self, StateError> {
        let mut by_node: HashMap<String, BTreeMap<String, Attempt>> = HashMap::new();
        for (NodeKey { node, endpoint }, row) in state.attempts()? {
            by_node.entry(node).or_default().insert(endpoint, attempt(&row));
        }
        Ok(Self {
            by_node,
            silent: state.silent()?.into_iter().collect(),
        })
    }

    pub fn remember(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) {
        if !self.by_node.is_empty() {
            for id in units {
                for slot in graph.unit(*id).slots() {
                    let node = NodeId { unit: *id, slot };
                    for (endpoint, attempt) in self.by_node.get(&graph.node_name(node)).into_iter().flatten() {
                        if let Some(endpoint) = find_endpoint(graph, graph.target_of(*id), endpoint) {
                            memory.attempts.insert((node, endpoint), attempt.clone());
                        }
                    }
                }
            }
        }
        for (NodeKey { node: target, endpoint }, since) in &self.silent {
            let Some(target) = graph.find_target(target) else {
                continue;
            };
            if let Some(endpoint) = find_endpoint(graph, target, endpoint) {
                memory.silent_since.insert((target, endpoint), *since);
            }
        }
    }

    fn set(&mut self, key: NodeKey, attempt: Option<&Attempt>) {
        match attempt {
            Some(attempt) => {
                let of_node = self.by_node.entry(key.node).or_default();
                of_node.insert(key.endpoint, attempt.clone());
            }
            None => {
                if let Entry::Occupied(mut of_node) = self.by_node.entry(key.node) {
                    of_node.get_mut().remove(&key.endpoint);
                    if of_node.get().is_empty() {
                        of_node.remove();
                    }
                }
            }
        }
    }

    /// The row of schema 1, where there is one: by the endpoint's name.
    fn named(&self, graph: &Graph, key: &NodeKey, (node, endpoint): (NodeId, EndpointIndex)) -> Option<NodeKey> {
        let target = graph.target(graph.target_of(node.unit));
        let name = &*target.endpoint(endpoint).name;
        self.by_node.get(&key.node)?.contains_key(name).then(|| NodeKey {
            node: key.node.clone(),
            endpoint: name.to_owned(),
        })
    }
}

impl Recollection {
    /// Keeps the account of how long an endpoint has been silent.
    pub fn heard(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        (target, endpoint): (TargetId, EndpointIndex),
        answer: &Answer,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        let description = graph.target(target);
        let key = |endpoint: String| NodeKey {
            node: description.name.to_string(),
            endpoint,
        };
        let by_prefix = key(description.endpoint(endpoint).prefix.to_string());
        if *answer == Answer::Endpoint {
            if memory.silent_since.remove(&(target, endpoint)).is_some() {
                for key in [by_prefix, key(description.endpoint(endpoint).name.to_string())] {
                    self.attempts.silent.remove(&key);
                    batch.set_silent(&key, None)?;
                }
            }
        } else if let Entry::Vacant(since) = memory.silent_since.entry((target, endpoint)) {
            since.insert(now);
            batch.set_silent(&by_prefix, Some(now))?;
            self.attempts.silent.insert(by_prefix, now);
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
            memory.written.entry(*tag).or_default().set(endpoint, *digest);
        }
        if let Action::Copy { .. } = &step.action {
            self.copy_ended(batch, graph, step.node.unit, endpoint, memory)?;
        }
        let at = (step.node, endpoint);
        let repaired = step.because.is_repair();
        if !repaired && !memory.attempts.contains_key(&at) {
            return Ok(());
        }
        let key = node_key(graph, at);
        if let Some(named) = self.attempts.named(graph, &key, at) {
            batch.record_success(&named, now)?;
            self.attempts.set(named, None);
        }
        batch.record_success(&key, now)?;
        if repaired {
            batch.record_repair(&key, now)?;
        }
        let attempt = memory.attempts.entry(at).or_default();
        attempt.failures = 0;
        attempt.last_failure = None;
        attempt.obstacle = None;
        if repaired {
            attempt.repairs.push(now);
        }
        let is_over = attempt.repairs.is_empty();
        self.attempts.set(key, (!is_over).then_some(&*attempt));
        if is_over {
            memory.attempts.remove(&at);
        }
        Ok(())
    }

    pub fn failed(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        (node, endpoint): (NodeId, EndpointIndex),
        obstacle: &Arc<Obstacle>,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        if node.slot == Slot::Image {
            self.copy_failed(graph, node.unit, endpoint, memory);
        }
        let key = node_key(graph, (node, endpoint));
        batch.record_failure(&key, obstacle, now)?;
        let attempt = memory.attempts.entry((node, endpoint)).or_default();
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.last_failure = Some(now);
        attempt.obstacle = Some(Arc::clone(obstacle));
        self.attempts.set(key, Some(&*attempt));
        Ok(())
    }
}

fn attempt(row: &AttemptRow) -> Attempt {
    Attempt {
        failures: row.failures,
        last_failure: (row.failures > 0).then_some(row.last),
        obstacle: row.obstacle.clone().map(Arc::new),
        repairs: row.repairs.clone(),
    }
}
