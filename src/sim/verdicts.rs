//! What was verified once is not verified again: a run looks at the same few signatures at every write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::{Descriptor, Digest, Repository, SignerIdentity};
use crate::trust::statement::predicate_type;
use crate::trust::{PromotionRecord, PublicKey, SignatureEntry, bundle};

/// What a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BundleVerdict {
    Nothing,
    Signature(SignerIdentity),
    Promotion(SignerIdentity),
}

/// Verdicts of all the keys of a run, which say whose an artifact is. They are remembered by digest: the bytes that are passed must be those that it names.
#[derive(Debug)]
pub struct Verdicts {
    keys: Vec<PublicKey>,
    bundles: Mutex<HashMap<(Digest, Digest, Repository), BundleVerdict>>,
    entries: Mutex<HashMap<(Digest, Digest, Repository), Option<SignerIdentity>>>,
}

impl Verdicts {
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            bundles: Mutex::default(),
            entries: Mutex::default(),
        }
    }

    pub(super) fn bundle(
        &self,
        layer: &Digest,
        bytes: &[u8],
        image: &Digest,
        public_reference: &Repository,
    ) -> BundleVerdict {
        let mut known = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (*layer, *image, public_reference.clone());
        *known
            .entry(place)
            .or_insert_with(|| match bundle::verify(bytes, &self.keys, image) {
                Ok(statement) if statement.predicate_type == predicate_type::SIGNATURE => {
                    BundleVerdict::Signature(SignerIdentity::Key(statement.key))
                }
                Ok(statement) if PromotionRecord::from_statement(&statement, public_reference, image).is_ok() => {
                    BundleVerdict::Promotion(SignerIdentity::Key(statement.key))
                }
                _ => BundleVerdict::Nothing,
            })
    }

    /// Which entry it is and whose, where a layer is one that verifies.
    pub(super) fn entry(
        &self,
        layer: &Descriptor,
        payload: bytes::Bytes,
        image: &Digest,
        public_reference: &Repository,
    ) -> Option<(Digest, SignerIdentity)> {
        let entry = SignatureEntry::found(layer.clone(), payload).ok()?;
        let mut known = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (entry.id(), *image, public_reference.clone());
        let by = *known.entry(place).or_insert_with(|| {
            let verified = entry.verify(&self.keys, image).ok()?;
            Some(SignerIdentity::Key(verified.key))
        });
        Some((entry.id(), by?))
    }
}
