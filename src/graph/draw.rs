//! The graph itself as diagram or JSON: what shall stand where, and what waits for what.

use std::collections::BTreeSet;
use std::io;

use globset::GlobMatcher;
use serde::Serialize;

use super::notation::{Diagram, Notation, Shape};
use super::{DependsAt, Graph, Unit};
use crate::model::{NodeId, Slot, UnitId};

/// Raised when a field changes its meaning or goes; new fields do not raise it.
const SCHEMA_VERSION: u32 = 1;

/// Which images are drawn.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A target's name.
    pub target: Option<String>,
    /// Matched against the repository's path below the target, such as `dns/*`.
    pub repository: Option<GlobMatcher>,
}

impl Filter {
    #[must_use]
    pub fn admits(&self, graph: &Graph, unit: UnitId) -> bool {
        let (target, path) = graph.repository(graph.unit(unit).repository);
        self.target
            .as_ref()
            .is_none_or(|wanted| **wanted == *graph.target(target).name)
            && self.repository.as_ref().is_none_or(|glob| glob.is_match(path.as_str()))
    }
}

/// Writes the wanted images that `filter` admits, each with its nodes, and what they are read from.
pub fn draw(graph: &Graph, filter: &Filter, notation: Notation, out: impl io::Write) -> io::Result<()> {
    let mut diagram = Diagram::begin(notation, io::BufWriter::new(out))?;
    let drawn: BTreeSet<UnitId> = graph.wanted().filter(|unit| filter.admits(graph, *unit)).collect();
    for id in &drawn {
        unit(graph, *id, &mut diagram)?;
    }
    let mut elsewhere = BTreeSet::new();
    for id in &drawn {
        let Some(upstream) = graph.upstream(*id) else { continue };
        let gate = node_id(*id, Slot::Gate);
        if drawn.contains(&upstream) {
            for slot in last_slots(graph.unit(upstream)) {
                diagram.edge(&node_id(upstream, slot), &gate, None)?;
            }
        } else {
            let name = format!("u{}", upstream.0);
            if elsewhere.insert(upstream) {
                diagram.node(&name, &title(graph, upstream), Shape::Dashed)?;
            }
            diagram.edge(&name, &gate, None)?;
        }
    }
    diagram.end()
}

fn unit<W: io::Write>(graph: &Graph, id: UnitId, diagram: &mut Diagram<W>) -> io::Result<()> {
    let unit = graph.unit(id);
    diagram.begin_group(&format!("u{}", id.0), &title(graph, id))?;
    for slot in unit.slots() {
        let (label, shape) = match slot {
            Slot::Gate => ("gate".to_owned(), Shape::Diamond),
            Slot::Image => ("image".to_owned(), Shape::Box),
            Slot::Signature(form) => (format!("signature\n{form}"), Shape::Box),
            Slot::Attestation(kind) => (format!("attestation\n{kind}"), Shape::Box),
            Slot::Tag(tag) => (format!("tag\n{}", graph.tag(tag).1), Shape::Rounded),
        };
        diagram.node(&node_id(id, slot), &label, shape)?;
    }
    for slot in unit.slots() {
        let target = graph.target(graph.target_of(id));
        for dependency in unit.dependencies(id, slot, target) {
            let label = match dependency.at {
                DependsAt::SameEndpoint => None,
                DependsAt::Primary => Some("at the primary"),
            };
            diagram.edge(&node_id(id, dependency.node.slot), &node_id(id, slot), label)?;
        }
    }
    diagram.end_group()
}

/// `production/dns/coredns@8e352a029d30`.
fn title(graph: &Graph, id: UnitId) -> String {
    let unit = graph.unit(id);
    let (target, path) = graph.repository(unit.repository);
    format!("{}/{path}@{}", graph.target(target).name, unit.digest.short())
}

fn node_id(unit: UnitId, slot: Slot) -> String {
    match slot {
        Slot::Gate => format!("u{}_gate", unit.0),
        Slot::Image => format!("u{}_image", unit.0),
        Slot::Signature(form) => format!("u{}_signature_{form}", unit.0),
        Slot::Attestation(kind) => format!("u{}_attestation_{kind}", unit.0),
        Slot::Tag(tag) => format!("u{}_tag_{}", unit.0, tag.0),
    }
}

/// What must stand of a unit before another may read from it, less what that waits for itself.
fn last_slots(unit: &Unit) -> Vec<Slot> {
    let artifacts: Vec<Slot> = unit
        .slots()
        .filter(|slot| matches!(slot, Slot::Signature(_) | Slot::Attestation(_)))
        .collect();
    if artifacts.is_empty() {
        vec![Slot::Image]
    } else {
        artifacts
    }
}

/// Writes the same as nodes and edges in JSON.
pub fn json(graph: &Graph, filter: &Filter, out: impl io::Write) -> io::Result<()> {
    let mut document = Document {
        schema_version: SCHEMA_VERSION,
        nodes: Vec::new(),
        edges: Vec::new(),
    };
    for id in graph.wanted().filter(|unit| filter.admits(graph, *unit)) {
        let unit = graph.unit(id);
        let target = graph.target(graph.target_of(id));
        for slot in unit.slots() {
            let node = NodeId { unit: id, slot };
            document.nodes.push(graph.node_name(node));
            for dependency in unit.dependencies(id, slot, target) {
                document.edges.push(Edge {
                    from: graph.node_name(dependency.node),
                    to: graph.node_name(node),
                    at: match dependency.at {
                        DependsAt::SameEndpoint => "same-endpoint",
                        DependsAt::Primary => "primary",
                    },
                });
            }
        }
        if let Some(upstream) = graph.upstream(id) {
            for slot in last_slots(graph.unit(upstream)) {
                document.edges.push(Edge {
                    from: graph.node_name(NodeId { unit: upstream, slot }),
                    to: graph.node_name(NodeId {
                        unit: id,
                        slot: Slot::Gate,
                    }),
                    at: "any-endpoint",
                });
            }
        }
    }
    let mut out = io::BufWriter::new(out);
    serde_json::to_writer_pretty(&mut out, &document)?;
    io::Write::write_all(&mut out, b"\n")?;
    io::Write::flush(&mut out)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    nodes: Vec<String>,
    edges: Vec<Edge>,
}

/// `to` waits for `from`.
#[derive(Serialize)]
struct Edge {
    from: String,
    to: String,
    at: &'static str,
}
