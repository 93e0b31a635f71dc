//! Keys, simple signing, bundles, statements, verification. Pure: bytes in, verdict or bytes out.

mod algorithm;
pub mod bundle;
mod dsse;
pub mod fallback_index;
pub mod judging;
mod key_encryption;
mod key_error;
pub mod key_file;
mod keyless;
mod limits;
mod merge;
mod pem_block;
mod private_key;
mod promotion_record;
mod public_key;
pub mod referrer;
mod signature_entry;
pub mod signature_manifest;
pub mod signature_referrer;
pub mod simple_signing;
pub mod statement;
mod verification;
mod witness;

pub use algorithm::KeyAlgorithm;
pub use key_error::KeyError;
pub use key_file::{Encoding, KeyPairFiles, PrivateKeyFile};
pub use keyless::{
    CertificateIdentity, Certified, IdentityPattern, LogRule, PatternError, SubjectKind, TextPattern, TrustRootError,
    TrustRoots, WorkloadClaims,
};
pub use limits::{LIMITS, TrustLimits};
pub use merge::{Merge, MergeError};
pub use private_key::PrivateKey;
pub use promotion_record::{GateRecord, GitRecord, LandfallRecord, Promotion, PromotionRecord};
pub use public_key::PublicKey;
pub use referrer::ReferrerArtifact;
pub use signature_entry::SignatureEntry;
pub use signature_manifest::MergedManifest;
pub use simple_signing::VerifiedPayload;
pub use verification::{VerificationError, VerifiedStatement};
pub use witness::Witness;
