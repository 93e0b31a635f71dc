//! Plain values that two or more modules share. Imports nothing else of the crate.

mod admission;
mod capability;
mod carry;
mod commit;
mod counting;
mod desired;
mod diagnostic;
mod digest;
mod endpoint;
mod foreign;
mod limits;
mod line_index;
mod manifest;
mod manifest_keys;
mod node;
mod null;
mod obstacle;
mod position;
mod prefix;
mod referrers_index;
mod report;
mod repository;
mod roots;
mod segments;
mod shortfall;
mod signer;
mod suggestion;
mod tag;
mod taken;

pub use admission::{Admission, Carried, CarriedKind, Verdict};
pub use capability::{Ability, Capabilities, Capability, Contradiction, Knowledge, KnownBy, Remembered};
pub use carry::{Carry, CosignTag, Incomplete};
pub use commit::{BlobId, CommitId, RepoPath, Tree, TreeFile};
pub use counting::counted;
pub use desired::{
    AttestationKind, Claim, Desired, Drift, Endpoint, Origin, Policies, Policy, PolicyMode, ProjectClaims,
    SignatureForm, SignaturePlacement, Source, Target, TargetMode,
};
pub use diagnostic::{Diagnostic, Severity};
pub use digest::{Digest, DigestError};
pub use endpoint::{EndpointIndex, EndpointSet, MAX_ENDPOINTS};
pub use foreign::Foreign;
pub use limits::Limits;
pub use line_index::LineIndex;
pub use manifest::{Descriptor, Manifest, ManifestError, ManifestKind, media_type};
pub use node::{ArtifactKind, NodeId, RepositoryId, Slot, TagId, TargetId, UnitId};
pub use null::{null_or, null_or_map};
pub use obstacle::{Obstacle, ObstacleKind};
pub use position::Position;
pub use prefix::Prefix;
pub use referrers_index::{NotReferrers, referrers_index};
pub use report::{BlockedReport, HeldReport, RefusedReport, Report, Standing, StepReport, StepResult};
pub use repository::{PathError, Registry, Repository, RepositoryPath};
pub use roots::{Reads, Roots};
pub use segments::is_within;
pub use shortfall::{Convergence, Shortfall};
pub use signer::{Signer, SignerIdentity, SignerKey};
pub use suggestion::nearest;
pub use tag::{Tag, TagError};
pub use taken::{Excess, Taken};
