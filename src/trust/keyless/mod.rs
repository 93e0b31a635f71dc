//! Keyless signatures: a certificate that lives for minutes names who signed, a log or a timestamp says when, and a trust
//! root says whose certificates, logs and timestamps count.

mod certified;
mod identity;
mod layer;
mod pattern;
mod roots;
mod shape;

pub use certified::{Certified, LogRule};
pub(super) use certified::{blob_by_key, certified_blob, certified_statement, witnessed_by_key};
pub use identity::{CertificateIdentity, SubjectKind, WorkloadClaims};
pub(super) use layer::{LayerContent, LayerMaterial};
pub use pattern::{IdentityPattern, PatternError, TextPattern};
pub use roots::{TrustRootError, TrustRoots};
