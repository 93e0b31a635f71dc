//! Certificate, log entry and timestamp as annotations of a layer: how cosign keeps them beside a signature or an
//! attestation of the older forms (`pkg/oci/static`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    Artifact, Bundle, CanonicalizedBody, CertificateContent, DerCertificate, DsseEnvelope, InclusionPromise,
    KindVersion, LogId, LogIndex, LogKeyId, MediaType, MessageSignature, PublicKeyIdentifier, Rfc3161Timestamp,
    Sha256Hash, SignatureBytes, SignatureContent, SignedTimestamp, TimestampToken, TimestampVerificationData,
    TransparencyLogEntry, VerificationMaterial, X509Certificate,
};

use super::certified::{by_key, certified};
use super::{Certified, LogRule, TrustRoots};
use crate::model::Digest;
use crate::trust::PublicKey;
use crate::trust::limits::LIMITS;
use crate::trust::verification::VerificationError;

const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// What stands beside a layer's signature; nothing of it is verified yet.
#[derive(Debug)]
pub(in crate::trust) struct LayerMaterial {
    certificates: Vec<DerCertificate>,
    entry: Option<TransparencyLogEntry>,
    timestamps: Vec<Rfc3161Timestamp>,
}

/// The signature over what a layer holds.
pub(in crate::trust) enum LayerContent<'a> {
    /// Over the layer's bytes.
    Payload { bytes: &'a [u8], signature: &'a [u8] },
    /// Within the layer: a DSSE envelope about an image.
    Envelope { json: &'a [u8], image: &'a Digest },
}

/// What Rekor v1 answered, as cosign keeps it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggedEntry {
    signed_entry_timestamp: String,
    payload: LoggedPayload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoggedPayload {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logIndex")]
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody {
    api_version: String,
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedTimestampAnnotation {
    #[serde(rename = "SignedRFC3161Timestamp")]
    token: String,
}

impl LayerMaterial {
    /// Whether the annotations carry a certificate: such a signature is by whom that names, and by no key.
    pub(in crate::trust) fn has_certificate(annotations: &BTreeMap<String, String>) -> bool {
        annotations.get(CERTIFICATE).is_some_and(|text| !text.is_empty())
    }

    pub(in crate::trust) fn read(annotations: &BTreeMap<String, String>) -> Result<Self, VerificationError> {
        let given = |name: &'static str| {
            annotations
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        let mut certificates = Vec::new();
        for (name, single) in [(CERTIFICATE, true), (CHAIN, false)] {
            let Some(text) = given(name) else { continue };
            VerificationError::check_size(name, text.len(), LIMITS.key_file)?;
            let blocks = pem::parse_many(text).map_err(|error| VerificationError::malformed(name, error))?;
            if blocks.iter().any(|block| block.tag() != "CERTIFICATE") || (single && blocks.len() != 1) {
                return Err(VerificationError::malformed(name, "expected certificates in PEM"));
            }
            certificates.extend(
                blocks
                    .into_iter()
                    .map(|block| DerCertificate::new(block.into_contents())),
            );
        }
        VerificationError::check_count("certificates", certificates.len(), LIMITS.certificates)?;
        let timestamps = match given(TIMESTAMP) {
            None | Some("null") => Vec::new(),
            Some(text) => {
                let SignedTimestampAnnotation { token } =
                    serde_json::from_str(text).map_err(|error| VerificationError::malformed(TIMESTAMP, error))?;
                vec![Rfc3161Timestamp::new(TimestampToken::new(decode(TIMESTAMP, &token)?))]
            }
        };
        Ok(Self {
            certificates,
            entry: given(LOG_ENTRY).filter(|text| *text != "null").map(entry).transpose()?,
            timestamps,
        })
    }

    /// Who signed with the certificate.
    pub(in crate::trust) fn certified(
        self,
        content: LayerContent<'_>,
        roots: &TrustRoots,
        rule: LogRule,
    ) -> Result<Certified, VerificationError> {
        let mut certificates = self.certificates.iter().cloned();
        let leaf = certificates
            .next()
            .ok_or_else(|| VerificationError::malformed(CERTIFICATE, "there is none"))?;
        let material = if self.entry.is_none() {
            // Version 0.3 alone does without a log entry; the authorities that signed it stand in the trust root.
            VerificationMaterialContent::Certificate(CertificateContent::new(leaf))
        } else {
            VerificationMaterialContent::X509CertificateChain {
                certificates: std::iter::once(leaf)
                    .chain(certificates)
                    .map(X509Certificate::new)
                    .collect(),
            }
        };
        let (bundle, artifact) = self.assemble(material, content)?;
        certified(&bundle, artifact, roots, rule)
    }

    /// That the log has what the key signed, and the times that are signed.
    pub(in crate::trust) fn logged_by_key(
        self,
        content: LayerContent<'_>,
        roots: &TrustRoots,
        key: &PublicKey,
    ) -> Result<Vec<Timestamp>, VerificationError> {
        let material = VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(key.hint()));
        let (bundle, artifact) = self.assemble(material, content)?;
        by_key(&bundle, artifact, roots, key, LogRule::default())
    }

    /// The bundle that says the same.
    fn assemble(
        self,
        material: VerificationMaterialContent,
        content: LayerContent<'_>,
    ) -> Result<(Bundle, Artifact<'_>), VerificationError> {
        let (content, artifact) = match content {
            LayerContent::Payload { bytes, signature } => (
                SignatureContent::MessageSignature(MessageSignature::new(SignatureBytes::from_bytes(signature))),
                Artifact::from_blob(bytes),
            ),
            LayerContent::Envelope { json, image } => {
                let envelope: DsseEnvelope =
                    serde_json::from_slice(json).map_err(|error| VerificationError::malformed("envelope", error))?;
                (
                    SignatureContent::DsseEnvelope(envelope),
                    Artifact::from_digest(Sha256Hash::from(*image.as_bytes())),
                )
            }
        };
        let version = if self.entry.is_some() {
            MediaType::Bundle0_1
        } else {
            MediaType::Bundle0_3
        };
        let material = VerificationMaterial::new(material)
            .with_tlog_entries(self.entry.into_iter().collect())
            .with_timestamp_verification_data(TimestampVerificationData::new(self.timestamps));
        Ok((Bundle::new(version, material, content), artifact))
    }
}

fn entry(text: &str) -> Result<TransparencyLogEntry, VerificationError> {
    let malformed = |reason: &dyn std::fmt::Display| VerificationError::malformed(LOG_ENTRY, reason);
    VerificationError::check_size(LOG_ENTRY, text.len(), LIMITS.document)?;
    let LoggedEntry {
        signed_entry_timestamp,
        payload,
    } = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let body = decode(LOG_ENTRY, &payload.body)?;
    let EntryBody { api_version, kind } = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let kind: KindVersion = serde_json::from_value(serde_json::json!({ "kind": kind, "version": api_version }))
        .map_err(|error| malformed(&error))?;
    let mut log_id = vec![0; payload.log_id.len() / 2];
    faster_hex::hex_decode(payload.log_id.as_bytes(), &mut log_id).map_err(|error| malformed(&error))?;
    let index = LogIndex::try_from(payload.log_index).map_err(|error| malformed(&error))?;
    let time = Timestamp::from_second(payload.integrated_time).map_err(|error| malformed(&error))?;
    let promise = SignedTimestamp::new(decode(LOG_ENTRY, &signed_entry_timestamp)?);
    let log_id = LogId::new(LogKeyId::new(log_id));
    Ok(
        TransparencyLogEntry::new(index, log_id, kind, CanonicalizedBody::new(body))
            .with_integrated_time(time)
            .with_inclusion_promise(InclusionPromise::new(promise)),
    )
}

fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, VerificationError> {
    STANDARD
        .decode(text)
        .map_err(|error| VerificationError::malformed(what, format_args!("not base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_layer_without_annotations_has_no_material() {
        let material = LayerMaterial::read(&annotations(&[(CERTIFICATE, ""), (LOG_ENTRY, "null")])).unwrap();
        assert!(material.certificates.is_empty() && material.entry.is_none() && material.timestamps.is_empty());
        assert!(!LayerMaterial::has_certificate(&annotations(&[(CERTIFICATE, "")])));
    }

    #[test]
    fn a_log_entry_is_read_as_cosign_keeps_it() {
        let body = STANDARD.encode(r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
        let logged = |body: &str, more: &str| {
            format!(
                r#"{{"SignedEntryTimestamp":"AA==","Payload":{{"body":"{body}","integratedTime":17,"logIndex":3,"logID":"{}"{more}}}}}"#,
                "ab".repeat(32)
            )
        };
        let read = entry(&logged(&body, "")).unwrap();
        assert_eq!(read.kind_version, KindVersion::HashedRekordV001);
        assert_eq!(read.integrated_time.unwrap().as_second(), 17);
        assert_eq!(read.log_id.key_id.as_bytes(), [0xab; 32]);
        assert!(entry(&logged(&body, r#","extra":1"#)).is_err());
        let unknown = STANDARD.encode(r#"{"apiVersion":"0.0.9","kind":"other"}"#);
        assert!(entry(&logged(&unknown, "")).is_err());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(LayerMaterial::read(&annotations(&[(CERTIFICATE, key)])).is_err());
        assert!(LayerMaterial::read(&annotations(&[(CERTIFICATE, &certificate.repeat(2))])).is_err());
        assert!(LayerMaterial::read(&annotations(&[(CHAIN, &certificate.repeat(2))])).is_ok());
        assert!(LayerMaterial::read(&annotations(&[(CHAIN, &certificate.repeat(17))])).is_err());
    }
}
