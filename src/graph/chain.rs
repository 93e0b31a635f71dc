//! Edges between units: claims whose source is another target.

use std::collections::HashMap;

use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::stable_graph::StableDiGraph;
use petgraph::visit::EdgeRef;

use crate::model::UnitId;

/// Units that each wait for the next, the last for the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<UnitId>);

/// From upstream to downstream; only units that are chained are in it.
#[derive(Debug, Default)]
pub(super) struct Chains {
    graph: StableDiGraph<UnitId, ()>,
    nodes: HashMap<UnitId, NodeIndex>,
}

impl Chains {
    pub fn insert(&mut self, upstream: UnitId, downstream: UnitId) {
        let from = self.node(upstream);
        let to = self.node(downstream);
        self.graph.add_edge(from, to, ());
    }

    fn node(&mut self, unit: UnitId) -> NodeIndex {
        *self.nodes.entry(unit).or_insert_with(|| self.graph.add_node(unit))
    }

    /// Removes the edge from `downstream` to what it reads from.
    pub fn remove(&mut self, downstream: UnitId) {
        let Some(node) = self.nodes.get(&downstream) else {
            return;
        };
        let edges: Vec<_> = self
            .graph
            .edges_directed(*node, Direction::Incoming)
            .map(|edge| edge.id())
            .collect();
        for edge in edges {
            self.graph.remove_edge(edge);
        }
    }

    pub fn upstream(&self, unit: UnitId) -> Option<UnitId> {
        let node = self.nodes.get(&unit)?;
        self.graph
            .neighbors_directed(*node, Direction::Incoming)
            .next()
            .map(|node| self.graph[node])
    }

    /// All units that read from this one, directly or through others.
    pub fn downstream(&self, unit: UnitId) -> Vec<UnitId> {
        let Some(node) = self.nodes.get(&unit) else {
            return Vec::new();
        };
        let mut visit = petgraph::visit::Dfs::new(&self.graph, *node);
        let mut found = Vec::new();
        while let Some(node) = visit.next(&self.graph) {
            if self.graph[node] != unit {
                found.push(self.graph[node]);
            }
        }
        found
    }

    pub fn cycles(&self) -> Vec<Cycle> {
        let mut cycles: Vec<_> = petgraph::algo::tarjan_scc(&self.graph)
            .into_iter()
            .filter(|component| component.len() > 1 || self.graph.contains_edge(component[0], component[0]))
            .map(|component| {
                // One source a unit, so a component is one ring: walk it upstream from its lowest number.
                let first = component
                    .iter()
                    .map(|node| self.graph[*node])
                    .min()
                    .expect("components are not empty");
                let mut ring = vec![first];
                let mut at = first;
                while let Some(next) = self.upstream(at).filter(|next| *next != first) {
                    ring.push(next);
                    at = next;
                }
                Cycle(ring)
            })
            .collect();
        cycles.sort_by_key(|cycle| cycle.0[0]);
        cycles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_named_once_and_a_line_not_at_all() {
        let mut chains = Chains::default();
        chains.insert(UnitId(1), UnitId(2));
        chains.insert(UnitId(2), UnitId(3));
        assert_eq!(chains.cycles(), []);
        assert_eq!(chains.downstream(UnitId(1)), [UnitId(2), UnitId(3)]);
        chains.insert(UnitId(3), UnitId(1));
        assert_eq!(chains.cycles(), [Cycle(vec![UnitId(1), UnitId(3), UnitId(2)])]);
        chains.remove(UnitId(1));
        assert_eq!(chains.cycles(), []);
        chains.insert(UnitId(1), UnitId(1));
        assert_eq!(chains.cycles(), [Cycle(vec![UnitId(1)])]);
    }
}
