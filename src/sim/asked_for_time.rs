//! Registries that asked to be left alone, as the process has heard it: nothing may begin there before their time is over.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::facts::Ask;
use crate::graph::Graph;
use crate::model::{EndpointIndex, Obstacle, Registry, Source, TargetId, UnitId};
use crate::plan::{Action, Provider, Step};

#[derive(Debug, Default)]
pub(super) struct AskedForTime(BTreeMap<String, Timestamp>);

impl AskedForTime {
    pub fn heard(&mut self, obstacle: &Obstacle, now: Timestamp) {
        for waits in obstacle.waits() {
            let (Some(host), Some(wait)) = (&waits.host, waits.retry_after) else {
                continue;
            };
            let wait = SignedDuration::try_from(wait).unwrap_or_default();
            let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            let known = self.0.entry(host.to_string()).or_insert(until);
            *known = (*known).max(until);
        }
    }

    /// The next process has heard nothing.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// What is wrong with asking this now.
    pub fn asking(&self, graph: &Graph, ask: Ask, endpoint: EndpointIndex, now: Timestamp) -> Option<String> {
        let registry = match ask {
            Ask::Endpoint(target) => at(graph, target, endpoint),
            Ask::Tags(repository) => at(graph, graph.repository(repository).0, endpoint),
            Ask::Tag(tag) => at(graph, graph.repository(graph.tag(tag).0).0, endpoint),
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) => at(graph, graph.target_of(unit), endpoint),
            Ask::Source(unit) => source(graph, unit)?,
        };
        self.wrong(registry, now, &format!("{ask:?}"))
    }

    /// What is wrong with beginning this now.
    pub fn beginning(&self, graph: &Graph, step: &Step, now: Timestamp) -> Option<String> {
        let unit = step.node.unit;
        let target = graph.target_of(unit);
        let from: &[Provider] = match &step.action {
            Action::Sign => return None,
            Action::Copy { from, .. } | Action::Attach { from, .. } => from,
            Action::Remove { .. } | Action::Tag { .. } => &[],
        };
        let read = from.iter().filter_map(|provider| match provider {
            Provider::Endpoint(endpoint) => Some(at(graph, target, *endpoint)),
            Provider::Source => source(graph, unit),
        });
        let written = step.at.iter().map(|endpoint| at(graph, target, endpoint));
        read.chain(written)
            .find_map(|registry| self.wrong(registry, now, &format!("{:?} of {:?}", step.action.verb(), step.node)))
    }

    fn wrong(&self, registry: &Registry, now: Timestamp, what: &str) -> Option<String> {
        let until = self.0.get(registry.as_str()).filter(|until| now < **until)?;
        Some(format!(
            "{what} goes to {registry}, which is to be left alone until {until}"
        ))
    }
}

fn at(graph: &Graph, target: TargetId, endpoint: EndpointIndex) -> &Registry {
    &graph.target(target).endpoint(endpoint).prefix.registry
}

/// Chained units are read wherever their upstream stands: where that is, is the engine's to say.
fn source(graph: &Graph, unit: UnitId) -> Option<&Registry> {
    match &graph.unit(unit).claim()?.source {
        Source::Registry(repository) => Some(&repository.registry),
        Source::Target { .. } => None,
    }
}
