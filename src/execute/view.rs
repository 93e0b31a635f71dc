//! One image at one target, as its steps see it.

use std::sync::Arc;

use super::context::UnitAdmission;
use super::failure::Failure;
use super::journal::ArtifactKey;
use crate::graph::Graph;
use crate::model::{
    ArtifactKind, Digest, EndpointIndex, Repository, RepositoryPath, Signer, Tag, TagId, Target, TargetId, UnitId,
};
use crate::plan::Provider;
use crate::trust::PublicKey;

/// Names and places, taken from the graph so that the unit's task can outlive the look at it.
#[derive(Debug)]
pub(super) struct UnitView {
    pub target_id: TargetId,
    pub target: Arc<Target>,
    pub path: RepositoryPath,
    pub digest: Digest,
    pub public_reference: Repository,
    pub signer: Option<Arc<Signer>>,
    places: Vec<Repository>,
    tags: Vec<(TagId, Tag)>,
}

impl UnitView {
    pub fn new(graph: &Graph, id: UnitId) -> Self {
        let unit = graph.unit(id);
        let (target_id, path) = graph.repository(unit.repository);
        let target = Arc::clone(graph.target(target_id));
        let places = (0..target.endpoints.len())
            .map(|endpoint| graph.place(unit.repository, EndpointIndex(endpoint as u8)))
            .collect();
        Self {
            target_id,
            path: path.clone(),
            digest: unit.digest,
            public_reference: graph.public_reference(unit.repository),
            signer: unit.claim().and_then(|claim| claim.signer.clone()),
            places,
            tags: unit.tags.iter().map(|tag| (*tag, graph.tag(*tag).1.clone())).collect(),
            target,
        }
    }

    /// The image's repository at an endpoint.
    pub fn place(&self, endpoint: EndpointIndex) -> &Repository {
        &self.places[usize::from(endpoint.0)]
    }

    pub fn tag(&self, id: TagId) -> Result<&Tag, Failure> {
        self.tags
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, tag)| tag)
            .ok_or_else(|| Failure::stale("no claim wants this tag on this image any more"))
    }

    /// Where a provider's bytes are read, and its name.
    pub fn provider<'a>(&'a self, provider: Provider, admission: &'a UnitAdmission) -> (&'a str, &'a Repository) {
        match provider {
            Provider::Source => ("source", &admission.source),
            Provider::Endpoint(endpoint) => (&self.target.endpoint(endpoint).name, self.place(endpoint)),
        }
    }

    pub fn signer(&self) -> Result<&Signer, Failure> {
        self.signer
            .as_deref()
            .ok_or_else(|| Failure::stale("no signer is named for this image any more"))
    }

    /// The keys that count for this image: the signer's current one, then what it had before.
    pub fn keys(&self) -> Result<Vec<PublicKey>, Failure> {
        let signer = self.signer()?;
        signer
            .keys()
            .map(|key| {
                PublicKey::from_pem(key.pem.as_bytes())
                    .map_err(|error| Failure::local(format_args!("signer `{}`: public key: {error}", signer.name)))
            })
            .collect()
    }

    /// What the present signer makes of a kind.
    pub fn artifact_key(&self, kind: ArtifactKind) -> Result<ArtifactKey, Failure> {
        Ok(ArtifactKey {
            target: self.target.name.to_string(),
            repository: self.path.clone(),
            digest: self.digest,
            kind,
            by: self.signer()?.identity(),
        })
    }
}
