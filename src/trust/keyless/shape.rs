//! The shape of a bundle: no field that `dev.sigstore.bundle.v1.Bundle` (protobuf-specs) does not have, and none twice.
//!
//! The crate that verifies bundles passes over fields that it does not know, and sigstore-go, which cosign verifies with,
//! refuses them: what counts here must count there.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::trust::limits::LIMITS;
use crate::trust::verification::VerificationError;

const WHAT: &str = "bundle";

macro_rules! shapes {
    ($($name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            #[expect(dead_code, reason = "named so that any other field is refused, and one that comes twice")]
            struct $name {
                $(#[serde(default)] $field: Option<$kind>,)*
            }
        )*
    };
}

shapes! {
    Bundle {
        media_type: IgnoredAny,
        verification_material: Material,
        dsse_envelope: Envelope,
        message_signature: MessageSignature,
    }
    Envelope { payload: IgnoredAny, payload_type: IgnoredAny, signatures: Vec<EnvelopeSignature> }
    EnvelopeSignature { sig: IgnoredAny, keyid: IgnoredAny }
    MessageSignature { message_digest: MessageDigest, signature: IgnoredAny }
    MessageDigest { algorithm: IgnoredAny, digest: IgnoredAny }
    RawBytes { raw_bytes: IgnoredAny }
    KeyIdentifier { hint: IgnoredAny }
    LogEntry {
        log_index: IgnoredAny,
        log_id: LogId,
        kind_version: KindVersion,
        integrated_time: IgnoredAny,
        inclusion_promise: InclusionPromise,
        inclusion_proof: InclusionProof,
        canonicalized_body: IgnoredAny,
    }
    LogId { key_id: IgnoredAny }
    KindVersion { kind: IgnoredAny, version: IgnoredAny }
    InclusionPromise { signed_entry_timestamp: IgnoredAny }
    InclusionProof {
        log_index: IgnoredAny,
        root_hash: IgnoredAny,
        tree_size: IgnoredAny,
        hashes: Vec<IgnoredAny>,
        checkpoint: Checkpoint,
    }
    Checkpoint { envelope: IgnoredAny }
    Timestamp { signed_timestamp: IgnoredAny }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateChain {
    certificates: Option<Vec<RawBytes>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Timestamps {
    rfc3161_timestamps: Option<Vec<Timestamp>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "likewise; one name is not what `camelCase` makes of it")]
struct Material {
    public_key: Option<KeyIdentifier>,
    certificate: Option<RawBytes>,
    #[serde(rename = "x509CertificateChain")]
    certificate_chain: Option<CertificateChain>,
    tlog_entries: Option<Vec<LogEntry>>,
    timestamp_verification_data: Option<Timestamps>,
}

/// Refuses what has another shape, or more log entries, hashes, certificates or timestamps than are read.
pub(super) fn check(bundle: &[u8]) -> Result<(), VerificationError> {
    VerificationError::check_size(WHAT, bundle.len(), LIMITS.document)?;
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|error| VerificationError::malformed(WHAT, error))?;
    let Some(material) = bundle.verification_material else {
        return Err(VerificationError::malformed(WHAT, "it has no verification material"));
    };
    let count = VerificationError::check_count;
    let entries = material.tlog_entries.unwrap_or_default();
    count("log entries", entries.len(), LIMITS.log_entries)?;
    for proof in entries.into_iter().filter_map(|entry| entry.inclusion_proof) {
        count(
            "hashes of an inclusion proof",
            proof.hashes.map_or(0, |hashes| hashes.len()),
            LIMITS.proof_hashes,
        )?;
    }
    let certificates = material.certificate_chain.and_then(|chain| chain.certificates);
    count(
        "certificates",
        certificates.map_or(0, |list| list.len()),
        LIMITS.certificates,
    )?;
    let timestamps = material
        .timestamp_verification_data
        .and_then(|data| data.rfc3161_timestamps);
    count("timestamps", timestamps.map_or(0, |list| list.len()), LIMITS.timestamps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(material: &str) -> String {
        let bundle = format!(r#"{{"mediaType":"","verificationMaterial":{material}}}"#);
        check(bundle.as_bytes()).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn fields_that_no_bundle_has_are_refused_at_every_depth() {
        assert_eq!(refusal(r#"{"certificate":{"rawBytes":""},"tlogEntries":null}"#), "");
        for material in [
            r#"{"extra":1}"#,
            r#"{"certificate":{"rawBytes":"","extra":1}}"#,
            r#"{"tlogEntries":[{"extra":1}]}"#,
            r#"{"tlogEntries":[{"inclusionProof":{"checkpoint":{"extra":1}}}]}"#,
            r#"{"timestampVerificationData":{"rfc3161Timestamps":[{"extra":1}]}}"#,
        ] {
            assert!(refusal(material).contains("unknown field `extra`"), "{material}");
        }
        assert!(refusal(r#"{"tlogEntries":[{"logIndex":1,"logIndex":2}]}"#).contains("duplicate field"));
    }

    #[test]
    fn limits_hold() {
        let many = |count: usize| vec!["{}"; count].join(",");
        let entries = many(LIMITS.log_entries + 1);
        assert!(refusal(&format!(r#"{{"tlogEntries":[{entries}]}}"#)).contains("log entries"));
        let hashes = vec!["1"; LIMITS.proof_hashes + 1].join(",");
        let proof = format!(r#"{{"tlogEntries":[{{"inclusionProof":{{"hashes":[{hashes}]}}}}]}}"#);
        assert!(refusal(&proof).contains("hashes"));
        let certificates = many(LIMITS.certificates + 1);
        let chain = format!(r#"{{"x509CertificateChain":{{"certificates":[{certificates}]}}}}"#);
        assert!(refusal(&chain).contains("certificates"));
        let timestamps = many(LIMITS.timestamps + 1);
        let data = format!(r#"{{"timestampVerificationData":{{"rfc3161Timestamps":[{timestamps}]}}}}"#);
        assert!(refusal(&data).contains("timestamps"));
    }
}
