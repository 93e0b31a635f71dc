//! What is attached to an image: exact bytes that verify.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::journal::SignedArtifact;
use crate::facts::Evidence;
use crate::model::{
    ArtifactKind, AttestationKind, Descriptor, Digest, Limits, Manifest, Repository, SignatureForm, SignerIdentity,
    media_type,
};
use crate::trust::{
    PromotionRecord, PublicKey, ReferrerArtifact, SignatureEntry, VerificationError, bundle, referrer,
    signature_manifest, signature_referrer,
};

/// An artifact that verifies: by whom it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    pub artifact: Artifact,
    pub evidence: Evidence,
}

/// A signature or an attestation, ready to be attached anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Artifact {
    /// A manifest that refers to the image, and the bundle or the payload in it.
    Referrer(ReferrerArtifact),
    /// One layer under the `.sig` tag.
    Entry(SignatureEntry),
}

/// What an artifact must be to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub kind: ArtifactKind,
    pub image: &'a Digest,
    pub public_reference: &'a Repository,
    pub keys: &'a [PublicKey],
}

impl Artifact {
    /// The artifact of signed bytes: the same wherever and whenever it is built. `subject` names the image.
    pub fn of_signed(
        kind: ArtifactKind,
        signed: &SignedArtifact,
        subject: &Descriptor,
    ) -> Result<Self, VerificationError> {
        match signed {
            SignedArtifact::Bundle {
                bundle,
                predicate_type,
                created,
            } => {
                let bundle = Bytes::copy_from_slice(bundle.as_bytes());
                let attached = referrer::attach_bundle(subject, bundle, predicate_type, *created);
                Ok(Self::Referrer(attached))
            }
            SignedArtifact::Simple { payload, signature } => {
                let payload = Bytes::copy_from_slice(payload.as_bytes());
                let annotations = BTreeMap::from([(signature_manifest::SIGNATURE.to_owned(), signature.clone())]);
                let descriptor = Descriptor {
                    annotations,
                    ..Descriptor::of(media_type::SIMPLE_SIGNING, &payload)
                };
                let entry = SignatureEntry::found(descriptor, payload)?;
                Ok(match kind {
                    ArtifactKind::Signature(SignatureForm::Referrer) => {
                        Self::Referrer(signature_referrer::attach(subject, &entry))
                    }
                    _ => Self::Entry(entry),
                })
            }
        }
    }

    /// What tells this artifact from another of its slot: see [`Evidence`].
    pub fn digest(&self) -> Digest {
        match self {
            Self::Referrer(referrer) => referrer.descriptor.digest,
            Self::Entry(entry) => entry.id(),
        }
    }

    /// Whether it is what is asked for, for this image, and signed by one of the keys: by whose. Nothing else is ever
    /// attached.
    pub fn verify(&self, expected: &Expected<'_>, limits: &Limits) -> Result<SignerIdentity, VerificationError> {
        let Expected {
            kind,
            image,
            public_reference,
            keys,
        } = *expected;
        let key = match (kind, self) {
            (ArtifactKind::Signature(SignatureForm::Bundle), Self::Referrer(referrer)) => {
                bundle::verify_signature(bundle_of(referrer, limits)?, keys, image)?
            }
            (ArtifactKind::Attestation(AttestationKind::Promotion), Self::Referrer(referrer)) => {
                let statement = bundle::verify(bundle_of(referrer, limits)?, keys, image)?;
                PromotionRecord::from_statement(&statement, public_reference, image)?;
                statement.key
            }
            (ArtifactKind::Signature(SignatureForm::Tag), Self::Entry(entry)) => entry.verify(keys, image)?.key,
            (ArtifactKind::Signature(SignatureForm::Referrer), Self::Referrer(referrer)) => {
                let verdicts = entries_of(referrer, limits)?;
                let mut verdicts = verdicts.iter().map(|entry| entry.verify(keys, image));
                let first = verdicts.next().unwrap_or_else(|| {
                    let reason = "it holds no signature".to_owned();
                    Err(unreadable(reason))
                });
                first.or_else(|error| verdicts.find_map(Result::ok).ok_or(error))?.key
            }
            _ => {
                let what = "an artifact of another form than was asked for".to_owned();
                return Err(VerificationError::Unsupported { what });
            }
        };
        Ok(SignerIdentity::Key(key))
    }
}

fn bundle_of<'a>(artifact: &'a ReferrerArtifact, limits: &Limits) -> Result<&'a [u8], VerificationError> {
    let manifest = manifest_of(artifact, limits)?;
    let layer = referrer::bundle_layer(&manifest).ok_or_else(|| unreadable("it holds no bundle".to_owned()))?;
    artifact
        .blobs
        .iter()
        .find(|(blob, _)| blob.digest == layer.digest)
        .map(|(_, bytes)| &bytes[..])
        .ok_or_else(|| unreadable("its bundle is not there".to_owned()))
}

fn entries_of(artifact: &ReferrerArtifact, limits: &Limits) -> Result<Vec<SignatureEntry>, VerificationError> {
    let manifest = manifest_of(artifact, limits)?;
    let layers = signature_referrer::layers(&manifest).iter();
    layers
        .filter_map(|layer| {
            let (_, payload) = artifact.blobs.iter().find(|(blob, _)| blob.digest == layer.digest)?;
            Some(SignatureEntry::found(layer.clone(), payload.clone()))
        })
        .collect()
}

fn manifest_of(artifact: &ReferrerArtifact, limits: &Limits) -> Result<Manifest, VerificationError> {
    Manifest::parse(&artifact.manifest, Some(&artifact.descriptor.media_type), limits)
        .map_err(|error| unreadable(error.to_string()))
}

fn unreadable(reason: String) -> VerificationError {
    VerificationError::Malformed {
        what: "referrer manifest",
        reason,
    }
}
