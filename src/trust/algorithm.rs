//! Telling ECDSA P-256 from other algorithms, and naming these, so that a key's owner knows what to replace.

use spki::{AlgorithmIdentifierRef, ObjectIdentifier};

use super::KeyError;

const fn identifier(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// RFC 5480: the algorithm of a key on any curve; its parameter names the curve.
const ELLIPTIC_CURVE: ObjectIdentifier = identifier("1.2.840.10045.2.1");
const P256: ObjectIdentifier = identifier("1.2.840.10045.3.1.7");

/// Algorithms, and curves where the algorithm is [`ELLIPTIC_CURVE`], that are met in the field.
const NAMES: [(ObjectIdentifier, &str); 9] = [
    (identifier("1.2.840.113549.1.1.1"), "RSA"),
    (identifier("1.3.101.112"), "Ed25519"),
    (identifier("1.3.132.0.34"), "ECDSA P-384"),
    (identifier("1.3.132.0.35"), "ECDSA P-521"),
    (identifier("1.3.132.0.10"), "ECDSA secp256k1"),
    (identifier("1.3.132.0.33"), "ECDSA P-224"),
    (identifier("2.16.840.1.101.3.4.3.17"), "ML-DSA-44"),
    (identifier("2.16.840.1.101.3.4.3.18"), "ML-DSA-65"),
    (identifier("2.16.840.1.101.3.4.3.19"), "ML-DSA-87"),
];

/// Refuses what is not ECDSA P-256: by its name where it has one here, else as no encoding of what was `expected`.
pub(super) fn require_p256(algorithm: &AlgorithmIdentifierRef<'_>, expected: &'static str) -> Result<(), KeyError> {
    let names = if algorithm.oid == ELLIPTIC_CURVE {
        match algorithm.parameters_oid() {
            Ok(P256) => return Ok(()),
            Ok(curve) => curve,
            Err(_) => return Err(KeyError::Malformed(expected)),
        }
    } else {
        algorithm.oid
    };
    match NAMES.iter().find(|(identifier, _)| *identifier == names) {
        Some((_, algorithm)) => Err(KeyError::Algorithm { algorithm }),
        None => Err(KeyError::Malformed(expected)),
    }
}
