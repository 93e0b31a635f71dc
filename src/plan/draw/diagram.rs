//! A plan's steps and what they wait for.

use std::collections::HashMap;
use std::io;

use crate::graph::{DependsAt, Diagram, Graph, Notation, Shape};
use crate::model::{EndpointIndex, NodeId, Slot, UnitId};
use crate::plan::record::endpoint_names;
use crate::plan::{Action, Content, Planned, Step};

use super::layout::listed;

/// Writes the steps, grouped by image, with an edge from each step to those that wait for it. What stands already has
/// no node.
pub fn diagram(graph: &Graph, planned: &Planned, notation: Notation, out: impl io::Write) -> io::Result<()> {
    let mut diagram = Diagram::begin(notation, io::BufWriter::new(out))?;
    let mut providers: HashMap<NodeId, Vec<usize>> = HashMap::new();
    let mut current: Option<UnitId> = None;
    for (index, step) in planned.steps.iter().enumerate() {
        providers.entry(step.node).or_default().push(index);
        if current != Some(step.node.unit) {
            if current.is_some() {
                diagram.end_group()?;
            }
            current = Some(step.node.unit);
            let unit = graph.unit(step.node.unit);
            let title = format!("{}@{}", graph.public_reference(unit.repository), unit.digest.short());
            diagram.begin_group(&format!("s{index}_image"), &title)?;
        }
        diagram.node(&format!("s{index}"), &label(graph, step), shape(step))?;
    }
    if current.is_some() {
        diagram.end_group()?;
    }
    for (index, step) in planned.steps.iter().enumerate() {
        for before in waits_for(&planned.steps, &providers, step) {
            diagram.edge(&format!("s{before}"), &format!("s{index}"), None)?;
        }
    }
    diagram.end()
}

fn waits_for(steps: &[Step], providers: &HashMap<NodeId, Vec<usize>>, step: &Step) -> Vec<usize> {
    let of = |node: NodeId| providers.get(&node).map_or(&[][..], Vec::as_slice).iter().copied();
    let mut before: Vec<usize> = Vec::new();
    for dependency in &step.after {
        before.extend(of(dependency.node).filter(|index| match dependency.at {
            DependsAt::SameEndpoint => steps[*index].at.intersects(step.at),
            DependsAt::Primary => steps[*index].at.contains(EndpointIndex::PRIMARY),
        }));
    }
    if let Action::Attach {
        content: Content::MadeHere,
        ..
    } = step.action
    {
        before.extend(of(step.node).filter(|index| steps[*index].action == Action::Sign));
    }
    before
}

fn label(graph: &Graph, step: &Step) -> String {
    let what = match (&step.action, step.node.slot) {
        (Action::Copy { .. }, _) => "copy".to_owned(),
        (Action::Tag { tag, .. }, _) => format!("tag {}", graph.tag(*tag).1),
        (action, Slot::Signature(form)) => format!("{} signature ({form})", action.verb()),
        (action, Slot::Attestation(kind)) => format!("{} attestation ({kind})", action.verb()),
        (action, Slot::Gate | Slot::Image | Slot::Tag(_)) => action.verb().to_string(),
    };
    if step.at.is_empty() {
        return what;
    }
    let names: Vec<&str> = endpoint_names(graph, graph.target_of(step.node.unit), step.at).collect();
    format!("{what}\n{}", listed(names.into_iter(), 40))
}

fn shape(step: &Step) -> Shape {
    match step.action {
        Action::Tag { .. } => Shape::Rounded,
        Action::Copy { .. } | Action::Sign | Action::Attach { .. } | Action::Remove { .. } => Shape::Box,
    }
}
