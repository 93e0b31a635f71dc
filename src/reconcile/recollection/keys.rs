//! What state calls the things that the graph has numbers for.

use crate::execute::ArtifactKey;
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId, SignerIdentity, TargetId, UnitId};
use crate::reconcile::state::{ClaimKey, JournalKey, NodeKey};

/// An endpoint is known by its prefix: another registry under the same name has its own history.
pub(super) fn node_key(graph: &Graph, (node, endpoint): (NodeId, EndpointIndex)) -> NodeKey {
    let target = graph.target(graph.target_of(node.unit));
    NodeKey {
        node: graph.node_name(node),
        endpoint: target.endpoint(endpoint).prefix.to_string(),
    }
}

/// What state calls signed bytes.
pub(in crate::reconcile) fn journal_key(key: &ArtifactKey) -> JournalKey {
    JournalKey {
        claim: ClaimKey {
            target: key.target.clone(),
            repository: key.repository.clone(),
            digest: key.digest,
        },
        kind: key.kind,
        by: Some(key.by),
    }
}

pub(super) fn claim_key(graph: &Graph, id: UnitId) -> ClaimKey {
    let unit = graph.unit(id);
    let (target, path) = graph.repository(unit.repository);
    ClaimKey {
        target: graph.target(target).name.to_string(),
        repository: path.clone(),
        digest: unit.digest,
    }
}

/// `None` for a node that holds nothing signed.
pub(super) fn artifact_key(graph: &Graph, node: NodeId, by: SignerIdentity) -> Option<ArtifactKey> {
    let ClaimKey {
        target,
        repository,
        digest,
    } = claim_key(graph, node.unit);
    Some(ArtifactKey {
        target,
        repository,
        digest,
        kind: node.slot.artifact()?,
        by,
    })
}

/// The endpoint with this prefix; for rows of schema 1, of this name.
pub(super) fn find_endpoint(graph: &Graph, target: TargetId, known_as: &str) -> Option<EndpointIndex> {
    let endpoints = &graph.target(target).endpoints;
    let position = endpoints
        .iter()
        .position(|endpoint| endpoint.prefix.to_string() == known_as)
        .or_else(|| endpoints.iter().position(|endpoint| *endpoint.name == *known_as))?;
    u8::try_from(position).ok().map(EndpointIndex)
}
