//! How what the graph holds is called in sentences.

use super::record::source_name;
use crate::facts::LeftBehind;
use crate::graph::Graph;
use crate::model::{Digest, EndpointIndex, Foreign, NodeId, TagId, TargetId, UnitId};

pub(super) fn endpoint_at(graph: &Graph, target: TargetId, endpoint: EndpointIndex) -> String {
    let target = graph.target(target);
    let endpoint = target.endpoint(endpoint);
    format!("{} of {} ({})", endpoint.name, target.name, endpoint.prefix)
}

pub(super) fn node_at(graph: &Graph, node: NodeId, endpoint: EndpointIndex) -> String {
    let target = graph.target(graph.target_of(node.unit));
    format!("{} at {}", graph.node_name(node), target.endpoint(endpoint).name)
}

/// The first few digests of a list.
pub(super) fn several(digests: &[Digest]) -> String {
    const SHOWN: usize = 3;
    let mut parts: Vec<String> = digests.iter().take(SHOWN).map(Digest::to_string).collect();
    if digests.len() > SHOWN {
        parts.push(format!("{} more", digests.len() - SHOWN));
    }
    parts.join(", ")
}

/// The first few of what stays behind, each with why.
pub(super) fn left_behind(left: &[LeftBehind]) -> String {
    const SHOWN: usize = 3;
    let mut parts: Vec<String> = left
        .iter()
        .take(SHOWN)
        .map(|LeftBehind { digest, why }| format!("{digest} ({})", printable(why)))
        .collect();
    if left.len() > SHOWN {
        parts.push(format!("{} more", left.len() - SHOWN));
    }
    parts.join(", ")
}

pub(super) fn image(graph: &Graph, unit: UnitId) -> String {
    let unit = graph.unit(unit);
    format!("{}@{}", graph.public_reference(unit.repository), unit.digest)
}

pub(super) fn image_at(graph: &Graph, unit: UnitId, endpoint: EndpointIndex) -> String {
    let unit = graph.unit(unit);
    format!("{}@{}", graph.place(unit.repository, endpoint), unit.digest)
}

pub(super) fn tag_at(graph: &Graph, tag: TagId, endpoint: EndpointIndex) -> String {
    let (repository, tag) = graph.tag(tag);
    format!("{}:{tag}", graph.place(repository, endpoint))
}

pub(super) fn source(graph: &Graph, unit: UnitId) -> String {
    graph
        .unit(unit)
        .claim()
        .map(|claim| match graph.upstream(unit) {
            // Credentials are set by repository, so the place to name is where a chained claim reads first.
            Some(upstream) => graph
                .place(graph.unit(upstream).repository, EndpointIndex::PRIMARY)
                .to_string(),
            None => source_name(graph, unit, &claim.source),
        })
        .unwrap_or_default()
}

pub(super) fn image_at_source(graph: &Graph, unit: UnitId) -> String {
    let at = graph
        .unit(unit)
        .claim()
        .map(|claim| source_name(graph, unit, &claim.source))
        .unwrap_or_default();
    format!("{at}@{}", graph.unit(unit).digest)
}

/// Where the claim stands in Git.
pub(super) fn origin(graph: &Graph, unit: UnitId) -> String {
    graph
        .unit(unit)
        .claim()
        .map(|claim| format!("{}:{}", Foreign(claim.origin.file.as_str()), claim.origin.line))
        .unwrap_or_default()
}

/// An error's text comes from a registry: see [`Foreign`].
pub(super) fn printable(error: &str) -> String {
    const LONGEST: usize = 400;
    if error.trim().is_empty() {
        return "no reason was given".to_owned();
    }
    match error.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", Foreign(&error[..end])),
        None => Foreign(error.trim_end()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2J\r\nb\u{202e}c"), "a\\u{1b}[2J\\r\\nb\\u{202e}c");
        assert_eq!(printable("\n"), "no reason was given");
        assert_eq!(printable(&"x".repeat(1_000)).chars().count(), 401);
    }
}
