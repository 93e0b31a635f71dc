//! One signature of the older form, as a layer of the manifest under `sha256-<hex>.sig` holds it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::PublicKey;
use super::simple_signing::{self, VerifiedPayload};
use super::verification::{VerificationError, shown, signer};
use crate::model::{Descriptor, Digest, Repository, media_type};

/// The annotation that holds a layer's signature, base64 of DER.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// One signature: a layer's payload, and its descriptor with the signature among the annotations. Other annotations
/// (certificate, chain, log entry) are kept as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureEntry {
    payload: Bytes,
    descriptor: Descriptor,
}

impl SignatureEntry {
    /// The entry of a payload ([`simple_signing::payload`]) and the key's signature (DER) over it. A signature that is
    /// not the key's is an error.
    pub fn new(key: &PublicKey, payload: Bytes, signature: &[u8]) -> Result<Self, VerificationError> {
        signer([key], &payload, signature)?;
        let annotations = BTreeMap::from([(SIGNATURE.to_owned(), STANDARD.encode(signature))]);
        Ok(Self {
            descriptor: Descriptor {
                annotations,
                ..Descriptor::of(media_type::SIMPLE_SIGNING, &payload)
            },
            payload,
        })
    }

    /// The entry of a layer of [`super::signature_manifest::parse`] and the blob that it names.
    pub fn found(descriptor: Descriptor, payload: Bytes) -> Result<Self, VerificationError> {
        let digest = Digest::of(&payload);
        if digest != descriptor.digest {
            return Err(VerificationError::OtherDigest {
                found: digest.to_string(),
                expected: descriptor.digest,
            });
        }
        if !descriptor.annotations.contains_key(SIGNATURE) {
            return Err(VerificationError::malformed(
                "signature layer",
                format_args!("it lacks the annotation `{SIGNATURE}`"),
            ));
        }
        Ok(Self { payload, descriptor })
    }

    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Base64 of DER.
    #[must_use]
    pub fn signature(&self) -> &str {
        self.descriptor.annotations.get(SIGNATURE).map_or("", String::as_str)
    }

    /// See [`entry_id`].
    #[must_use]
    pub fn id(&self) -> Digest {
        id(&self.descriptor.digest, self.signature())
    }

    /// The same for entries that say the same: the payload's digest. One with a certificate or an entry of a log beside its
    /// signature says more, and is like no other.
    #[must_use]
    pub fn says(&self) -> Digest {
        if self.descriptor.annotations.len() == 1 {
            self.descriptor.digest
        } else {
            self.id()
        }
    }

    /// Verifies that one of `keys` signed `digest` here under exactly this name. What the same key signed under another
    /// name is another image's signature, though the bytes of the image be the same.
    pub fn verify_as(
        &self,
        keys: &[PublicKey],
        digest: &Digest,
        public_reference: &Repository,
    ) -> Result<VerifiedPayload, VerificationError> {
        let verified = self.verify(keys, digest)?;
        if verified.docker_reference != public_reference.to_string() {
            return Err(VerificationError::OtherReference {
                found: shown(&verified.docker_reference),
                expected: public_reference.clone(),
            });
        }
        Ok(verified)
    }

    /// Verifies that one of `keys` signed `digest` here, see [`simple_signing::verify`].
    pub fn verify(&self, keys: &[PublicKey], digest: &Digest) -> Result<VerifiedPayload, VerificationError> {
        simple_signing::verify(&self.payload, self.signature(), keys, digest)
    }
}

/// Tells one signature from another, wherever it stands: payload and signature, whatever else annotates it. `None` for
/// a layer that is no signature.
#[must_use]
pub fn entry_id(layer: &Descriptor) -> Option<Digest> {
    layer
        .annotations
        .get(SIGNATURE)
        .map(|signature| id(&layer.digest, signature))
}

fn id(payload: &Digest, signature: &str) -> Digest {
    Digest::of(format!("{payload} {signature}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    #[test]
    fn an_entry_verifies_and_takes_no_other_payload() {
        let key = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let reference = "registry.example.com/dns/coredns".parse().unwrap();
        let payload = Bytes::from(simple_signing::payload(&reference, &digest));
        let signature = key.sign(&payload).unwrap();
        let entry = SignatureEntry::new(key.public_key(), payload.clone(), &signature).unwrap();
        let keys = [key.public_key().clone()];
        assert!(entry.verify(&keys, &digest).is_ok());
        assert!(entry.verify_as(&keys, &digest, &reference).is_ok());
        let other = "registry.example.com/dns".parse().unwrap();
        assert!(matches!(
            entry.verify_as(&keys, &digest, &other),
            Err(VerificationError::OtherReference { .. })
        ));
        assert!(SignatureEntry::found(entry.descriptor().clone(), Bytes::from_static(b"other")).is_err());
        assert!(SignatureEntry::found(Descriptor::of("", b"a"), Bytes::from_static(b"a")).is_err());
        let other = PrivateKey::generate().unwrap();
        assert!(SignatureEntry::new(other.public_key(), payload, &signature).is_err());
    }
}
