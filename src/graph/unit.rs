//! One image at one target, and the fixed shape of nodes within it.

use std::sync::Arc;

use crate::model::{
    Claim, Digest, EndpointSet, NodeId, ProjectClaims, RepositoryId, SignaturePlacement, Slot, TagId, Target, UnitId,
};

/// One image at one target. It stays in the graph, unwanted, when its claim goes: numbers are never used twice.
#[derive(Debug)]
pub struct Unit {
    pub repository: RepositoryId,
    pub digest: Digest,
    /// The tags that shall stand on this digest.
    pub tags: Vec<TagId>,
    pub(super) claim: Option<ClaimAt>,
}

#[derive(Debug)]
pub(super) struct ClaimAt {
    pub project: Arc<ProjectClaims>,
    pub index: usize,
}

impl Unit {
    /// The claim that wants this image; `None` where no claim does any more.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref().map(|at| &at.project.claims[at.index])
    }

    #[must_use]
    pub fn project(&self) -> Option<&Arc<str>> {
        self.claim.as_ref().map(|at| &at.project.name)
    }

    /// Where signatures and attestations shall stand: wherever the image does, or at the primary only.
    #[must_use]
    pub fn artifact_endpoints(&self, target: &Target) -> EndpointSet {
        let wanted = self.claim().map_or(EndpointSet::EMPTY, |claim| claim.endpoints);
        match target.signatures {
            SignaturePlacement::Replicate => wanted,
            SignaturePlacement::PrimaryOnly => wanted & EndpointSet::PRIMARY,
        }
    }

    /// The slots of this unit in the order in which they come to stand, tags last.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let (forms, kinds) = match self.claim() {
            Some(claim) => (
                claim.signer.as_ref().map_or(&[][..], |signer| &signer.formats[..]),
                &claim.attest[..],
            ),
            None => (&[][..], &[][..]),
        };
        [Slot::Gate, Slot::Image]
            .into_iter()
            .chain(forms.iter().map(|form| Slot::Signature(*form)))
            .chain(kinds.iter().map(|kind| Slot::Attestation(*kind)))
            .chain(self.tags.iter().map(|tag| Slot::Tag(*tag)))
    }

    /// What must stand before `slot` may: the edges within a unit.
    #[must_use]
    pub fn dependencies(&self, id: UnitId, slot: Slot, target: &Target) -> Vec<Dependency> {
        let same = |slot| Dependency {
            node: NodeId { unit: id, slot },
            at: DependsAt::SameEndpoint,
        };
        match slot {
            Slot::Gate => Vec::new(),
            Slot::Image => vec![same(Slot::Gate)],
            Slot::Signature(_) | Slot::Attestation(_) => vec![same(Slot::Image)],
            Slot::Tag(_) => self
                .slots()
                .filter_map(|before| match before {
                    Slot::Gate | Slot::Tag(_) => None,
                    Slot::Image => Some(same(before)),
                    Slot::Signature(_) | Slot::Attestation(_) => Some(Dependency {
                        at: match target.signatures {
                            SignaturePlacement::Replicate => DependsAt::SameEndpoint,
                            SignaturePlacement::PrimaryOnly => DependsAt::Primary,
                        },
                        ..same(before)
                    }),
                })
                .collect(),
        }
    }
}

/// An edge: `node` must stand first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    pub node: NodeId,
    pub at: DependsAt,
}

/// Where the other node must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependsAt {
    SameEndpoint,
    /// The one edge between endpoints: with `signatures = "primary-only"` a tag at a mirror waits for the primary.
    Primary,
}
