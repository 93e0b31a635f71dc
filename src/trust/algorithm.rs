//! Naming the algorithm of a key that is not ECDSA P-256, so that its owner knows what to replace.

/// Object identifiers in DER, with tag and length, as they stand in the algorithm identifier of
/// SubjectPublicKeyInfo (RFC 5280) and PKCS#8 (RFC 5958).
const NAMES: [(&[u8], &str); 9] = [
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"),
    (b"\x06\x03\x2b\x65\x70", "Ed25519"),
    (b"\x06\x05\x2b\x81\x04\x00\x22", "ECDSA P-384"),
    (b"\x06\x05\x2b\x81\x04\x00\x23", "ECDSA P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "ECDSA secp256k1"),
    (b"\x06\x05\x2b\x81\x04\x00\x21", "ECDSA P-224"),
    (b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11", "ML-DSA-44"),
    (b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12", "ML-DSA-65"),
    (b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13", "ML-DSA-87"),
];

/// Where the algorithm identifier ends at the latest: what follows is key material and means nothing here.
const HEAD: usize = 48;

/// The name of the algorithm that a key's DER encoding declares, if it is one of those that are met in the field.
pub(super) fn name(der: &[u8]) -> Option<&'static str> {
    let head = &der[..der.len().min(HEAD)];
    NAMES
        .iter()
        .find(|(identifier, _)| head.windows(identifier.len()).any(|window| window == *identifier))
        .map(|(_, name)| *name)
}
