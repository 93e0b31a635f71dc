//! The verdict on one thing that was found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::dsse::Envelope;
use super::super::keyless::{self, LayerContent, LayerMaterial};
use super::super::limits::LIMITS;
use super::super::statement::Statement;
use super::super::verification::{VerificationError, shown, signer};
use super::super::{Certified, LogRule, PublicKey, SignatureEntry, TrustRoots, bundle, simple_signing};
use super::{AcceptedSigner, Demand, Found, Piece, Proof, ProvenSigner, Stated, Wanted};
use crate::model::Descriptor;

/// Whether what was found proves what is demanded.
///
/// # Errors
/// Why it does not.
pub fn judge(found: &Found, demand: &Demand<'_>) -> Result<Proof, VerificationError> {
    match (&found.piece, &demand.wanted) {
        (Piece::Bundle(bytes), _) => of_bundle(bytes, demand),
        (Piece::Payload { layer, bytes }, Wanted::Signature) => of_payload(layer, bytes, demand),
        (Piece::Envelope { layer, bytes }, Wanted::Attestation(_)) => of_envelope(layer, bytes, demand),
        (Piece::Payload { .. } | Piece::Envelope { .. }, wanted) => {
            Err(VerificationError::unsupported(format!("{} as {wanted}", found.form)))
        }
    }
}

/// Verifies a bundle, of any version of its format, as a signature of these bytes or a statement about them.
///
/// # Errors
/// Why it is none by this signer.
pub fn verify_blob(
    bundle: &[u8],
    content: &[u8],
    signer: &AcceptedSigner,
    roots: &TrustRoots,
    log: LogRule,
) -> Result<Vec<Timestamp>, VerificationError> {
    match signer {
        AcceptedSigner::Key(key) => keyless::blob_by_key(bundle, content, roots, key, log),
        AcceptedSigner::Certificate(pattern) => {
            let certified = keyless::certified_blob(bundle, content, roots, log)?;
            if !pattern.matches(&certified.identity) {
                return Err(other_identity(&certified));
            }
            Ok(certified.times)
        }
    }
}

fn of_bundle(bytes: &[u8], demand: &Demand<'_>) -> Result<Proof, VerificationError> {
    if bundle::has_certificate(bytes)? {
        let (certified, statement) = keyless::certified_statement(bytes, roots(demand)?, demand.log, &demand.image)?;
        check_identity(&certified, demand)?;
        let stated = stated(statement, demand)?;
        return Ok(Proof::by_certificate(certified, stated));
    }
    let keys: Vec<PublicKey> = demand.keys().cloned().collect();
    let (statement, key) = bundle::open(bytes, &keys, &demand.image)?;
    let stated = stated(statement, demand)?;
    let mut times = Vec::new();
    if demand.log.signature {
        times = keyless::witnessed_by_key(bytes, roots(demand)?, key, &demand.image, demand.log)?;
    }
    Ok(by_key(key, stated, times, demand))
}

fn of_payload(layer: &Descriptor, bytes: &bytes::Bytes, demand: &Demand<'_>) -> Result<Proof, VerificationError> {
    let entry = SignatureEntry::found(layer.clone(), bytes.clone())?;
    VerificationError::check_size("signature", entry.signature().len(), LIMITS.signature)?;
    let signature = STANDARD
        .decode(entry.signature())
        .map_err(|error| VerificationError::malformed("signature", format_args!("not base64: {error}")))?;
    let content = LayerContent::Payload {
        bytes,
        signature: &signature,
    };
    let claim = || -> Result<Stated, VerificationError> {
        let claim = simple_signing::claim(bytes, &demand.image)?;
        let said = claim.annotations.unwrap_or_default();
        check_annotations(&said, demand)?;
        Ok(Stated::Reference {
            docker_reference: claim.docker_reference,
        })
    };
    of_layer(layer, content, demand, claim, |keys| signer(keys, bytes, &signature))
}

fn of_envelope(layer: &Descriptor, bytes: &bytes::Bytes, demand: &Demand<'_>) -> Result<Proof, VerificationError> {
    VerificationError::check_size("envelope", bytes.len(), LIMITS.document)?;
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|error| VerificationError::malformed("envelope", error))?;
    let content = LayerContent::Envelope {
        json: bytes,
        image: &demand.image,
    };
    let statement = || stated(Statement::parse(&envelope.payload()?, &demand.image)?, demand);
    of_layer(layer, content, demand, statement, |keys| {
        envelope.open(keys).map(|(_, key)| key)
    })
}

/// A layer is by its certificate, where it has one, and by a key otherwise. What it says is read once somebody signed it.
fn of_layer<'d>(
    layer: &Descriptor,
    content: LayerContent<'_>,
    demand: &'d Demand<'_>,
    said: impl FnOnce() -> Result<Stated, VerificationError>,
    signed_by: impl FnOnce(Vec<&'d PublicKey>) -> Result<&'d PublicKey, VerificationError>,
) -> Result<Proof, VerificationError> {
    if LayerMaterial::has_certificate(&layer.annotations) {
        let material = LayerMaterial::read(&layer.annotations)?;
        let certified = material.certified(content, roots(demand)?, demand.log)?;
        check_identity(&certified, demand)?;
        return Ok(Proof::by_certificate(certified, said()?));
    }
    let key = signed_by(demand.keys().collect())?;
    let stated = said()?;
    let mut times = Vec::new();
    if demand.log.signature {
        times = LayerMaterial::read(&layer.annotations)?.logged_by_key(content, roots(demand)?, key)?;
    }
    Ok(by_key(key, stated, times, demand))
}

fn by_key(key: &PublicKey, stated: Stated, times: Vec<Timestamp>, demand: &Demand<'_>) -> Proof {
    Proof {
        signer: ProvenSigner::Key {
            fingerprint: key.fingerprint(),
        },
        stated,
        times,
        logged: demand.log.signature,
    }
}

fn check_identity(certified: &Certified, demand: &Demand<'_>) -> Result<(), VerificationError> {
    if demand.patterns().any(|pattern| pattern.matches(&certified.identity)) {
        return Ok(());
    }
    Err(other_identity(certified))
}

fn other_identity(certified: &Certified) -> VerificationError {
    VerificationError::OtherIdentity {
        found: certified.identity.to_string(),
    }
}

fn roots<'a>(demand: &Demand<'a>) -> Result<&'a TrustRoots, VerificationError> {
    demand.roots.ok_or(VerificationError::NoTrustRoot)
}

fn stated(statement: Statement, demand: &Demand<'_>) -> Result<Stated, VerificationError> {
    let expected = demand.wanted.predicate_type();
    if statement.predicate_type != expected {
        return Err(VerificationError::Predicate {
            found: shown(&statement.predicate_type),
            expected: expected.to_owned(),
        });
    }
    check_annotations(&statement.annotations_of(&demand.image), demand)?;
    Ok(Stated::Statement {
        predicate_type: statement.predicate_type,
        predicate: statement.predicate,
    })
}

/// A signature that does not say what was asked for is not the one that was asked for.
fn check_annotations(said: &Map<String, Value>, demand: &Demand<'_>) -> Result<(), VerificationError> {
    for (name, expected) in demand.annotations {
        if said.get(name).and_then(Value::as_str) != Some(expected) {
            return Err(VerificationError::OtherAnnotation {
                name: shown(name),
                found: said.get(name).map_or_else(
                    || "missing".to_owned(),
                    |found| format!("`{}`", shown(&found.to_string())),
                ),
                expected: shown(expected),
            });
        }
    }
    Ok(())
}
