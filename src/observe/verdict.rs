//! What a signed artifact is worth.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Admission, Digest, SignerIdentity};

/// The bytes of an artifact are fixed by its digest, and so is this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It does not verify, or says something that is not asked for.
    Nothing,
    /// A signature of the image itself.
    Signature {
        by: SignerIdentity,
        /// The same for signatures that say the same.
        says: Digest,
    },
    /// A promotion record for exactly this public reference and digest.
    Promotion {
        by: SignerIdentity,
        admission: Arc<Admission>,
    },
}

/// Verdicts that outlive the process. What cannot be given is verified again.
pub trait KeptVerdicts: fmt::Debug + Send + Sync {
    /// `name` is a hash over all that a verdict depends on: keys, public reference, image, artifact.
    fn verdict(&self, name: &Digest) -> Option<Verdict>;

    fn keep(&self, name: &Digest, verdict: &Verdict);
}
