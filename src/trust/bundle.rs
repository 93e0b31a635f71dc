//! Sigstore bundles 0.3 that a key signed, as cosign 3 attaches them.
//!
//! Entries of a transparency log and timestamps beside a key's signature are read, not judged: the key decides, as for
//! cosign's `--insecure-ignore-tlog`; [`super::judging`] also asks the log. Bundles with certificates never count here, see
//! `trust::keyless`, and message signatures nowhere: cosign does not take them for an image either.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sigstore_types::{TimestampVerificationData, TransparencyLogEntry};

use super::dsse::{self, Envelope};
use super::limits::LIMITS;
use super::statement::{Statement, predicate_type};
use super::verification::{VerificationError, VerifiedStatement, shown};
use super::{LogRule, PublicKey, TrustRoots, Witness, keyless, verification};
use crate::model::{Digest, media_type};

const WHAT: &str = "bundle";

/// The other spelling of version 0.3 that sigstore-go accepts (`pkg/bundle/bundle.go`).
const MEDIA_TYPE_OLD_STYLE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";

/// The fields of `dev.sigstore.bundle.v1.Bundle` (protobuf-specs); cosign refuses any other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bundle {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: Option<Envelope>,
    message_signature: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerificationMaterial {
    public_key: Option<KeyIdentifier>,
    certificate: Option<IgnoredAny>,
    #[serde(rename = "x509CertificateChain")]
    certificate_chain: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "null_is_none_of_them")]
    tlog_entries: Vec<TransparencyLogEntry>,
    #[serde(rename = "timestampVerificationData")]
    timestamps: Option<TimestampVerificationData>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyIdentifier {
    #[serde(default)]
    hint: String,
}

fn null_is_none_of_them<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TransparencyLogEntry>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The bytes to sign for a bundle that says `statement`.
#[must_use]
pub fn message_to_sign(statement: &[u8]) -> Vec<u8> {
    dsse::message(statement)
}

/// The bundle of a statement and the key's signature (DER) over its [`message_to_sign`]: the same bytes whenever it is
/// made of the same parts. A signature that is not the key's is an error.
pub fn assemble(key: &PublicKey, statement: &[u8], signature: &[u8]) -> Result<Vec<u8>, VerificationError> {
    assemble_witnessed(key, statement, signature, &Witness::default())
}

/// The same, with what others say of the signature.
pub fn assemble_witnessed(
    key: &PublicKey,
    statement: &[u8],
    signature: &[u8],
    witness: &Witness,
) -> Result<Vec<u8>, VerificationError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Assembled<'a> {
        media_type: &'static str,
        verification_material: Material<'a>,
        dsse_envelope: Envelope,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Material<'a> {
        public_key: KeyIdentifier,
        #[serde(skip_serializing_if = "Option::is_none")]
        tlog_entries: Option<[&'a Value; 1]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp_verification_data: Option<Timestamps<'a>>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Timestamps<'a> {
        rfc3161_timestamps: [Timestamp<'a>; 1],
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Timestamp<'a> {
        signed_timestamp: &'a str,
    }

    verification::signer([key], &dsse::message(statement), signature)?;
    Ok(serde_json::to_vec(&Assembled {
        media_type: media_type::SIGSTORE_BUNDLE,
        verification_material: Material {
            public_key: KeyIdentifier { hint: key.hint() },
            tlog_entries: witness.entry().map(|entry| [entry]),
            timestamp_verification_data: witness.timestamp().map(|signed_timestamp| Timestamps {
                rfc3161_timestamps: [Timestamp { signed_timestamp }],
            }),
        },
        dsse_envelope: Envelope::new(statement, signature),
    })
    .expect("plain structs of texts always serialise"))
}

/// Verifies that what others say of the key's signature holds, and is of this signature: by the trust root's keys.
pub fn verify_witness(
    key: &PublicKey,
    digest: &Digest,
    statement: &[u8],
    signature: &[u8],
    witness: &Witness,
    roots: &TrustRoots,
) -> Result<(), VerificationError> {
    if witness.is_empty() {
        return Ok(());
    }
    let bundle = assemble_witnessed(key, statement, signature, witness)?;
    let rule = LogRule {
        signature: witness.entry().is_some(),
        certificate: false,
    };
    let times = keyless::witnessed_by_key(&bundle, roots, key, digest, rule)?;
    if witness.timestamp().is_some() && times.is_empty() {
        return Err(VerificationError::malformed(WHAT, "its timestamp says no time"));
    }
    Ok(())
}

/// Verifies that one of `keys` signed a statement about `digest`. What the statement says is handed out unjudged:
/// see [`VerifiedStatement::expect_predicate`].
pub fn verify(bundle: &[u8], keys: &[PublicKey], digest: &Digest) -> Result<VerifiedStatement, VerificationError> {
    let (statement, key, says) = read(bundle, keys, digest)?;
    Ok(VerifiedStatement {
        predicate_type: statement.predicate_type,
        predicate: statement.predicate,
        key: key.fingerprint(),
        says,
    })
}

/// The statement, and the key that signed it.
pub(super) fn open<'k>(
    bundle: &[u8],
    keys: &'k [PublicKey],
    digest: &Digest,
) -> Result<(Statement, &'k PublicKey), VerificationError> {
    let (statement, key, _) = read(bundle, keys, digest)?;
    Ok((statement, key))
}

/// The same, with what it says ([`VerifiedStatement::says`]).
fn read<'k>(
    bundle: &[u8],
    keys: &'k [PublicKey],
    digest: &Digest,
) -> Result<(Statement, &'k PublicKey, Digest), VerificationError> {
    let whole = Digest::of(bundle);
    let bundle = Bundle::parse(bundle)?;
    let (hint, envelope) = bundle.keyed()?;
    // The hint is nobody's word: it decides which key is tried first, not which one counts.
    let (named, others): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.hint() == *hint);
    let (payload, key) = envelope.open(named.into_iter().chain(others))?;
    let statement = Statement::parse(&payload, digest)?;
    let says = if bundle.is_witnessed() {
        whole
    } else {
        Digest::of(&payload)
    };
    Ok((statement, key, says))
}

/// Whether a bundle is by whom a certificate names: a keyless one. Neither is said of what is of another type, or names both.
pub(super) fn has_certificate(bundle: &[u8]) -> Result<bool, VerificationError> {
    let bundle = Bundle::parse(bundle)?;
    bundle.check_type()?;
    let material = &bundle.verification_material;
    Ok(material.public_key.is_none() && material.certificate.is_some())
}

/// Verifies that one of `keys` signed the image itself: [`verify`], and the predicate type of a signature. Gives the
/// key's fingerprint.
pub fn verify_signature(bundle: &[u8], keys: &[PublicKey], digest: &Digest) -> Result<Digest, VerificationError> {
    let statement = verify(bundle, keys, digest)?;
    statement.expect_predicate(predicate_type::SIGNATURE)?;
    Ok(statement.key)
}

impl Bundle {
    /// Somebody beside the key vouches for it.
    fn is_witnessed(&self) -> bool {
        let material = &self.verification_material;
        !material.tlog_entries.is_empty() || material.timestamps.is_some()
    }

    fn parse(bundle: &[u8]) -> Result<Self, VerificationError> {
        VerificationError::check_size(WHAT, bundle.len(), LIMITS.document)?;
        serde_json::from_slice(bundle).map_err(|error| VerificationError::malformed(WHAT, error))
    }

    fn check_type(&self) -> Result<(), VerificationError> {
        if [media_type::SIGSTORE_BUNDLE, MEDIA_TYPE_OLD_STYLE].contains(&self.media_type.as_str()) {
            return Ok(());
        }
        Err(VerificationError::unsupported(format!(
            "a bundle of type `{}`",
            shown(&self.media_type)
        )))
    }

    fn keyed(&self) -> Result<(&String, &Envelope), VerificationError> {
        self.check_type()?;
        let material = &self.verification_material;
        let hint = match (&material.public_key, &material.certificate, &material.certificate_chain) {
            (Some(key), None, None) => &key.hint,
            (None, Some(_), None) | (None, None, Some(_)) => {
                return Err(VerificationError::unsupported("a bundle with a certificate (keyless)"));
            }
            _ => {
                return Err(VerificationError::malformed(
                    WHAT,
                    "it must name one of a public key, a certificate, a certificate chain",
                ));
            }
        };
        VerificationError::check_count("log entries", material.tlog_entries.len(), LIMITS.log_entries)?;
        if material
            .tlog_entries
            .iter()
            .any(|entry| entry.inclusion_proof.is_none())
        {
            return Err(VerificationError::malformed(WHAT, "a log entry has no inclusion proof"));
        }
        match (&self.dsse_envelope, &self.message_signature) {
            (Some(envelope), None) => Ok((hint, envelope)),
            (None, Some(_)) => Err(VerificationError::unsupported("a bundle with a message signature")),
            _ => Err(VerificationError::malformed(
                WHAT,
                "it must hold one of a DSSE envelope, a message signature",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{PrivateKey, statement};

    fn signed(key: &PrivateKey, statement: &[u8]) -> Vec<u8> {
        let signature = key.sign(&message_to_sign(statement)).unwrap();
        assemble(key.public_key(), statement, &signature).unwrap()
    }

    #[test]
    fn an_assembled_bundle_verifies_for_its_digest_and_key_only() {
        let key = PrivateKey::generate().unwrap();
        let other = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let bundle = signed(&key, &statement::signature(&digest));
        let keys = [other.public_key().clone(), key.public_key().clone()];
        assert_eq!(
            verify_signature(&bundle, &keys, &digest),
            Ok(key.public_key().fingerprint())
        );
        assert_eq!(
            verify_signature(&bundle, &keys[..1], &digest),
            Err(VerificationError::Signature { keys: 1 })
        );
        assert_eq!(
            verify_signature(&bundle, &[], &digest),
            Err(VerificationError::Signature { keys: 0 })
        );
        assert!(matches!(
            verify_signature(&bundle, &keys, &Digest::of(b"another")),
            Err(VerificationError::OtherDigest { .. })
        ));
    }

    #[test]
    fn a_bundle_is_not_assembled_around_another_keys_signature() {
        let key = PrivateKey::generate().unwrap();
        let other = PrivateKey::generate().unwrap();
        let statement = statement::signature(&Digest::of(b"image"));
        let signature = other.sign(&message_to_sign(&statement)).unwrap();
        assert!(assemble(key.public_key(), &statement, &signature).is_err());
    }

    #[test]
    fn a_foreign_hint_does_not_hide_a_good_signature() {
        let key = PrivateKey::generate().unwrap();
        let other = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let bundle = String::from_utf8(signed(&key, &statement::signature(&digest))).unwrap();
        let bundle = bundle.replace(&key.public_key().hint(), &other.public_key().hint());
        let keys = [other.public_key().clone(), key.public_key().clone()];
        assert_eq!(
            verify_signature(bundle.as_bytes(), &keys, &digest),
            Ok(key.public_key().fingerprint())
        );
    }

    #[test]
    fn the_bytes_are_those_that_cosign_writes() {
        let key = PrivateKey::generate().unwrap();
        let text = String::from_utf8(signed(&key, b"{}")).unwrap();
        let expected = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"{}"}}}},"dsseEnvelope":{{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{{"sig":""#,
            key.public_key().hint()
        );
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.ends_with("\"}]}}"), "{text}");
    }

    #[test]
    fn empty_log_entries_and_timestamps_are_read() {
        let key = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let bundle = String::from_utf8(signed(&key, &statement::signature(&digest))).unwrap();
        let keys = [key.public_key().clone()];
        for with in [
            r#"},"tlogEntries":[],"timestampVerificationData":{}},"dsseEnvelope""#,
            r#"},"tlogEntries":null,"timestampVerificationData":null},"dsseEnvelope""#,
        ] {
            let bundle = bundle.replacen(r#"}},"dsseEnvelope""#, with, 1);
            assert!(verify_signature(bundle.as_bytes(), &keys, &digest).is_ok(), "{bundle}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_changed_byte_never_verifies_as_another_statement(position in 0_usize..10_000, byte: u8) {
            let key = PrivateKey::generate().unwrap();
            let digest = Digest::of(b"image");
            let mut bundle = signed(&key, &statement::signature(&digest));
            let position = position % bundle.len();
            bundle[position] = byte;
            let keys = [key.public_key().clone()];
            if let Ok(statement) = verify(&bundle, &keys, &digest) {
                assert_eq!(statement.predicate_type, predicate_type::SIGNATURE);
                assert_eq!(statement.predicate, serde_json::json!({}));
            }
            assert!(verify(&bundle, &keys, &Digest::of(b"another")).is_err());
        }
    }
}
