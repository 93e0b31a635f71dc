//! What a certificate signed: the chain to a trusted authority, the proof that the certificate was logged, the log entry,
//! the signed times, the signature, and that all of them speak of the same.
//!
//! `sigstore-verify` does this, by the standard's order of steps. Of the clock it asks one thing: that no log entry is of
//! the future.

use jiff::Timestamp;
use serde::Serialize;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    Artifact, Bundle, DerPublicKey, KindVersion, Sha256Hash, SignatureContent, TransparencyLogEntry,
};
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult};

use super::roots::refused;
use super::{CertificateIdentity, TrustRoots, WorkloadClaims, shape};
use crate::model::Digest;
use crate::trust::PublicKey;
use crate::trust::statement::Statement;
use crate::trust::verification::VerificationError;

const WHAT: &str = "bundle";

/// What has to be proved by logs; each can be left out where an organisation has no such log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRule {
    /// The signature stands in a transparency log (cosign's `--insecure-ignore-tlog` asks for less).
    pub signature: bool,
    /// The certificate does (`--insecure-ignore-sct`).
    pub certificate: bool,
}

impl Default for LogRule {
    fn default() -> Self {
        Self {
            signature: true,
            certificate: true,
        }
    }
}

/// Who signed with a certificate, and when at the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certified {
    #[serde(flatten)]
    pub identity: CertificateIdentity,
    pub claims: WorkloadClaims,
    /// Each is signed by a timestamp authority or a log; never empty.
    pub times: Vec<Timestamp>,
    pub logged: bool,
}

/// Verifies a bundle with a certificate as a statement about `digest`. Whoever the certificate names signed it: whether
/// that one counts is for the caller to say.
pub(in crate::trust) fn certified_statement(
    bundle: &[u8],
    roots: &TrustRoots,
    rule: LogRule,
    digest: &Digest,
) -> Result<(Certified, Statement), VerificationError> {
    let bundle = parse(bundle)?;
    let payload = payload(&bundle)?;
    let artifact = Artifact::from_digest(Sha256Hash::from(*digest.as_bytes()));
    let certified = certified(&bundle, artifact, roots, rule)?;
    Ok((certified, Statement::parse(payload, digest)?))
}

/// Verifies the certificate of an assembled bundle over this artifact.
pub(super) fn certified(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    roots: &TrustRoots,
    rule: LogRule,
) -> Result<Certified, VerificationError> {
    let certificate = bundle
        .signing_certificate()
        .ok_or_else(|| VerificationError::malformed(WHAT, "it has no certificate"))?;
    let mut policy = VerificationPolicy::any_identity();
    if !rule.signature {
        policy = policy.skip_tlog_unsafe();
    }
    if !rule.certificate {
        policy = policy.skip_sct();
    }
    let result = verify(bundle, artifact, roots, &policy, rule)?;
    let info = result
        .certificate()
        .ok_or_else(|| VerificationError::malformed(WHAT, "it has no certificate"))?;
    Ok(Certified {
        identity: CertificateIdentity::read(certificate.as_bytes(), info)?,
        claims: WorkloadClaims::of(info),
        times: result.verified_timestamps().to_vec(),
        logged: result.tlog_verified(),
    })
}

/// That the log has what the key signed, where the rule asks for it: the times that a log or an authority signed, none where
/// nobody did.
pub(in crate::trust) fn witnessed_by_key(
    bundle: &[u8],
    roots: &TrustRoots,
    key: &PublicKey,
    digest: &Digest,
    rule: LogRule,
) -> Result<Vec<Timestamp>, VerificationError> {
    let bundle = parse(bundle)?;
    let artifact = Artifact::from_digest(Sha256Hash::from(*digest.as_bytes()));
    by_key(&bundle, artifact, roots, key, rule)
}

/// The same for an assembled bundle over this artifact.
pub(super) fn by_key(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    roots: &TrustRoots,
    key: &PublicKey,
    rule: LogRule,
) -> Result<Vec<Timestamp>, VerificationError> {
    if !matches!(
        bundle.verification_material.content,
        VerificationMaterialContent::PublicKey(_)
    ) {
        return Err(VerificationError::malformed(WHAT, "it names no public key"));
    }
    let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.der()));
    if !rule.signature {
        policy = policy.skip_tlog_unsafe();
    }
    let result = verify(bundle, artifact, roots, &policy, rule)?;
    Ok(result.verified_timestamps().to_vec())
}

/// Verifies a bundle of any version as a signature of these bytes, or as a statement about them, by whom its certificate
/// names.
pub(in crate::trust) fn certified_blob(
    bundle: &[u8],
    content: &[u8],
    roots: &TrustRoots,
    rule: LogRule,
) -> Result<Certified, VerificationError> {
    certified(&parse(bundle)?, Artifact::from_blob(content), roots, rule)
}

/// The same, by this key.
pub(in crate::trust) fn blob_by_key(
    bundle: &[u8],
    content: &[u8],
    roots: &TrustRoots,
    key: &PublicKey,
    rule: LogRule,
) -> Result<Vec<Timestamp>, VerificationError> {
    by_key(&parse(bundle)?, Artifact::from_blob(content), roots, key, rule)
}

fn verify(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    roots: &TrustRoots,
    policy: &dyn Policy,
    rule: LogRule,
) -> Result<VerificationResult, VerificationError> {
    let entries = &bundle.verification_material.tlog_entries;
    if rule.signature && entries.is_empty() {
        return Err(VerificationError::NotLogged);
    }
    for entry in entries {
        check_log(entry, roots)?;
    }
    roots.verifier.verify(artifact, bundle, policy).map_err(refused)
}

/// What sigstore-go asks of an entry and the crate does not: that the log which it names is known, and that the signature
/// on a checkpoint of Rekor v2 bears the name of the log that made it.
fn check_log(entry: &TransparencyLogEntry, roots: &TrustRoots) -> Result<(), VerificationError> {
    let untrusted = |reason: &str| VerificationError::Untrusted {
        reason: reason.to_owned(),
    };
    if !roots.knows_log(entry.log_id.key_id.as_bytes()) {
        return Err(untrusted("its log entry is of an unknown log"));
    }
    let Some(proof) = &entry.inclusion_proof else {
        return Ok(());
    };
    let note = proof.checkpoint.envelope();
    let origin = note.lines().next().unwrap_or_default();
    let signed = format!("\u{2014} {origin} ");
    if entry.kind_version == KindVersion::HashedRekordV002 && !note.lines().any(|line| line.starts_with(&signed)) {
        return Err(untrusted("its log's checkpoint is not signed in the log's name"));
    }
    Ok(())
}

fn parse(bundle: &[u8]) -> Result<Bundle, VerificationError> {
    shape::check(bundle)?;
    let text = std::str::from_utf8(bundle).map_err(|error| VerificationError::malformed(WHAT, error))?;
    Bundle::from_json(text).map_err(|error| VerificationError::malformed(WHAT, error))
}

/// What the envelope says of an image. A signature over bytes says nothing that cosign would take for an image.
fn payload(bundle: &Bundle) -> Result<&[u8], VerificationError> {
    match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) if !envelope.signature.keyid.is_empty() => {
            Err(VerificationError::unsupported("a key id in a DSSE envelope"))
        }
        SignatureContent::DsseEnvelope(envelope) => Ok(envelope.payload.as_bytes()),
        _ => Err(VerificationError::unsupported("a bundle with a message signature")),
    }
}
