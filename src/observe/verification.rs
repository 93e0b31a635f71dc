//! What was verified once is not verified again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::ObserveLimits;
use super::failure::LookError;
use super::generations::Generations;
use super::verdict::{KeptVerdicts, Verdict};
use crate::model::{Descriptor, Digest, Repository, Signer, SignerIdentity};
use crate::trust::statement::predicate_type;
use crate::trust::{PromotionRecord, PublicKey, SignatureEntry, VerificationError, bundle};

/// The keys that count for a signer.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<PublicKey>,
    /// Names this set of keys.
    fingerprint: Digest,
}

/// What an artifact must be about, and who must have signed it.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub keys: Arc<Keys>,
    pub public_reference: Repository,
    pub image: Digest,
}

/// Verifies, and remembers verdicts and parsed keys.
#[derive(Debug)]
pub(super) struct Verifier {
    verdicts: Mutex<Generations<VerdictKey, Verdict>>,
    keys: Mutex<Generations<Arc<Signer>, Arc<Keys>>>,
    kept: Option<Arc<dyn KeptVerdicts>>,
}

/// A hash over keys, public reference, image and artifact: there are hundreds of thousands of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct VerdictKey(Digest);

impl VerdictKey {
    fn new(expected: &Expected, artifact: &Digest) -> Self {
        // Of fixed length but for the reference, which comes last: no two tuples give the same bytes.
        let mut bytes = Vec::with_capacity(200);
        bytes.extend(expected.keys.fingerprint.as_bytes());
        bytes.extend(expected.image.as_bytes());
        bytes.extend(artifact.as_bytes());
        bytes.extend(expected.public_reference.to_string().into_bytes());
        Self(Digest::of(&bytes))
    }
}

impl Verifier {
    pub fn new(limits: &ObserveLimits, kept: Option<Arc<dyn KeptVerdicts>>) -> Self {
        Self {
            kept,
            verdicts: Mutex::new(Generations::new(limits.verdicts)),
            keys: Mutex::new(Generations::new(limits.key_sets)),
        }
    }

    pub fn keys(&self, signer: &Arc<Signer>) -> Result<Arc<Keys>, LookError> {
        if let Some(keys) = lock(&self.keys).get(signer) {
            return Ok(keys);
        }
        let keys = Arc::new(Keys::of(signer)?);
        lock(&self.keys).insert(Arc::clone(signer), Arc::clone(&keys));
        Ok(keys)
    }

    /// The verdict on an artifact that was seen before, here or at another endpoint.
    pub fn known(&self, expected: &Expected, artifact: &Digest) -> Option<Verdict> {
        let key = VerdictKey::new(expected, artifact);
        if let Some(verdict) = lock(&self.verdicts).get(&key) {
            return Some(verdict);
        }
        let verdict = self.kept.as_ref()?.verdict(&key.0)?;
        lock(&self.verdicts).insert(key, verdict.clone());
        Some(verdict)
    }

    /// An artifact of which it is clear without verifying that it is worth nothing.
    pub fn dismiss(&self, expected: &Expected, artifact: &Digest, why: &str) {
        tracing::debug!(
            repository = %expected.public_reference, digest = %expected.image, %artifact, why,
            "a signed artifact does not count"
        );
        self.remember(expected, artifact, Verdict::Nothing);
    }

    /// Judges the bundle that a referrer manifest (`artifact`) holds.
    pub fn bundle(&self, expected: &Expected, artifact: &Digest, bundle: &[u8]) -> Verdict {
        let verdict = judge_bundle(expected, bundle);
        self.settle(expected, artifact, verdict)
    }

    /// Judges one layer of a manifest of signatures; `artifact` is its entry's identity.
    pub fn entry(&self, expected: &Expected, artifact: &Digest, layer: Descriptor, payload: Bytes) -> Verdict {
        let verdict = SignatureEntry::found(layer, payload)
            .and_then(|entry| Ok((entry.says(), entry.verify(&expected.keys.keys, &expected.image)?)))
            .map(|(says, verified)| Verdict::Signature {
                by: SignerIdentity::Key(verified.key),
                says,
            });
        self.settle(expected, artifact, verdict)
    }

    fn settle(&self, expected: &Expected, artifact: &Digest, verdict: Result<Verdict, VerificationError>) -> Verdict {
        match verdict {
            Ok(verdict) => {
                self.remember(expected, artifact, verdict.clone());
                verdict
            }
            Err(error) => {
                self.dismiss(expected, artifact, &error.to_string());
                Verdict::Nothing
            }
        }
    }

    fn remember(&self, expected: &Expected, artifact: &Digest, verdict: Verdict) {
        let key = VerdictKey::new(expected, artifact);
        if let Some(kept) = &self.kept {
            kept.keep(&key.0, &verdict);
        }
        lock(&self.verdicts).insert(key, verdict);
    }
}

fn judge_bundle(expected: &Expected, bundle: &[u8]) -> Result<Verdict, VerificationError> {
    let statement = bundle::verify(bundle, &expected.keys.keys, &expected.image)?;
    let by = SignerIdentity::Key(statement.key);
    // Anything that the key signed has a good signature. Only these two say what is asked for.
    if statement.predicate_type == predicate_type::PROMOTION {
        let record = PromotionRecord::from_statement(&statement, &expected.public_reference, &expected.image)?;
        let admission = Arc::new(record.admission());
        return Ok(Verdict::Promotion { by, admission });
    }
    statement.expect_predicate(predicate_type::SIGNATURE)?;
    let says = statement.says;
    Ok(Verdict::Signature { by, says })
}

impl Keys {
    fn of(signer: &Signer) -> Result<Self, LookError> {
        let keys = signer
            .keys()
            .map(|key| PublicKey::from_pem(key.pem.as_bytes()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| LookError::Key {
                signer: Arc::clone(&signer.name),
                error,
            })?;
        let fingerprints: Vec<u8> = keys.iter().flat_map(|key| *key.fingerprint().as_bytes()).collect();
        Ok(Self {
            keys,
            fingerprint: Digest::of(&fingerprints),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A cache is whole after every call: a panic elsewhere leaves nothing half-done in it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
