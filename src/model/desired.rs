//! What a commit asks for, with every default and grant resolved.

use std::sync::Arc;

use serde::Serialize;

use super::{
    AttestationKind, Carry, CommitId, Digest, Drift, Duplicates, EndpointIndex, EndpointSet, PolicyMode, Prefix,
    RepoPath, Repository, RepositoryPath, SignaturePlacement, Signer, Tag, TargetMode,
};

/// The desired state of one commit.
#[derive(Debug, Clone)]
pub struct Desired {
    pub commit: CommitId,
    pub targets: Arc<[Arc<Target>]>,
    /// Sorted by name. A project whose files did not change between two commits is the same allocation, so that the
    /// graph follows a one-line commit without reading the rest.
    pub projects: Vec<Arc<ProjectClaims>>,
}

/// One project's claims that are granted and free of conflicts.
#[derive(Debug)]
pub struct ProjectClaims {
    pub name: Arc<str>,
    pub claims: Vec<Claim>,
}

/// "This digest stands at this repository of this target, under these tags."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Index into [`Desired::targets`].
    pub target: usize,
    /// Below each endpoint's prefix.
    pub repository: RepositoryPath,
    pub digest: Digest,
    /// Sorted; empty for digests promoted without a tag.
    pub tags: Vec<Tag>,
    pub source: Source,
    pub endpoints: EndpointSet,
    /// The project's own signer where the target allows one, else the target's.
    pub signer: Option<Arc<Signer>>,
    /// Sorted, without repetition; empty where there is no signer.
    pub attest: Arc<[AttestationKind]>,
    pub policy: Arc<Policies>,
    /// Where this claim stands in Git.
    pub origin: Origin,
}

/// The policies that a claim's gate asks: the target's and the project's; all must pass.
pub type Policies = Vec<Policy>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub name: String,
    pub mode: PolicyMode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Registry(Repository),
    /// Read at `target`'s endpoints, where the digest must be claimed at this repository.
    Target {
        target: usize,
        repository: RepositoryPath,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: RepoPath,
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: Arc<str>,
    /// The name written into signatures and attestations.
    pub public_name: Prefix,
    /// The primary first, then mirrors by name; at most [`super::MAX_ENDPOINTS`].
    pub endpoints: Vec<Endpoint>,
    pub signatures: SignaturePlacement,
    pub drift: Drift,
    pub duplicates: Duplicates,
    pub mode: TargetMode,
    pub carry: Carry,
}

impl Target {
    #[must_use]
    pub fn all_endpoints(&self) -> EndpointSet {
        EndpointSet::first(self.endpoints.len())
    }

    #[must_use]
    pub fn endpoint(&self, index: EndpointIndex) -> &Endpoint {
        &self.endpoints[usize::from(index.0)]
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `primary`, or the mirror's name.
    pub name: Arc<str>,
    pub prefix: Prefix,
}
