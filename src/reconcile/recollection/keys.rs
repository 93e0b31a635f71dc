//! What state calls the things that the graph has numbers for.

use crate::execute::ArtifactKey;
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId, TargetId, UnitId};
use crate::reconcile::state::{ClaimKey, JournalKey, NodeKey, Signed, StateError};

pub(super) fn node_key(graph: &Graph, (node, endpoint): (NodeId, EndpointIndex)) -> NodeKey {
    let target = graph.target(graph.target_of(node.unit));
    NodeKey {
        node: graph.node_name(node),
        endpoint: target.endpoint(endpoint).name.to_string(),
    }
}

/// What state calls signed bytes.
pub(in crate::reconcile) fn journal_key(key: &ArtifactKey) -> Result<JournalKey, StateError> {
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

pub(super) fn claim_key(graph: &Graph, id: UnitId) -> ClaimKey {
    let unit = graph.unit(id);
    let (target, path) = graph.repository(unit.repository);
    ClaimKey {
        target: graph.target(target).name.to_string(),
        repository: path.clone(),
        digest: unit.digest,
    }
}

pub(super) fn artifact_key(graph: &Graph, node: NodeId) -> ArtifactKey {
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

pub(super) fn find_endpoint(graph: &Graph, target: TargetId, name: &str) -> Option<EndpointIndex> {
    let position = graph
        .target(target)
        .endpoints
        .iter()
        .position(|endpoint| *endpoint.name == *name)?;
    u8::try_from(position).ok().map(EndpointIndex)
}
