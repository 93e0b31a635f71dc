//! Which kinds of keys sign and are verified with, and the names of those that do not.

use std::fmt;

use spki::{AlgorithmIdentifierRef, ObjectIdentifier};

use super::KeyError;

const fn identifier(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// RFC 5480: the algorithm of a key on any curve; its parameter names the curve.
pub(super) const ELLIPTIC_CURVE: ObjectIdentifier = identifier("1.2.840.10045.2.1");
const P256: ObjectIdentifier = identifier("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = identifier("1.3.132.0.34");
const P521: ObjectIdentifier = identifier("1.3.132.0.35");
pub(super) const RSA: ObjectIdentifier = identifier("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = identifier("1.3.101.112");

/// Algorithms, and curves where the algorithm is [`ELLIPTIC_CURVE`], that are met in the field and not supported.
const OTHERS: [(ObjectIdentifier, &str); 8] = [
    (identifier("1.2.840.113549.1.1.10"), "RSASSA-PSS"),
    (identifier("1.3.101.113"), "Ed448"),
    (identifier("1.3.101.110"), "X25519"),
    (identifier("1.3.132.0.10"), "ECDSA secp256k1"),
    (identifier("1.3.132.0.33"), "ECDSA P-224"),
    (identifier("2.16.840.1.101.3.4.3.17"), "ML-DSA-44"),
    (identifier("2.16.840.1.101.3.4.3.18"), "ML-DSA-65"),
    (identifier("2.16.840.1.101.3.4.3.19"), "ML-DSA-87"),
];

/// The keys that cosign 3 makes, imports and verifies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    EcdsaP256,
    EcdsaP384,
    EcdsaP521,
    Ed25519,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

impl KeyAlgorithm {
    pub const ALL: [Self; 7] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::EcdsaP521 => "ECDSA P-521",
            Self::Ed25519 => "Ed25519",
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
            Self::Rsa4096 => "RSA 4096",
        }
    }

    /// What `cosign verify` has to be told beside the key: it takes SHA-256 for every key, and signs with the digest that
    /// fits the curve.
    #[must_use]
    pub const fn cosign_flag(self) -> Option<&'static str> {
        match self {
            Self::EcdsaP384 => Some("--signature-digest-algorithm=sha384"),
            Self::EcdsaP521 => Some("--signature-digest-algorithm=sha512"),
            _ => None,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What an algorithm identifier says; an RSA key's size stands in the key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

impl Family {
    /// Refuses what is none of these: by its name where it has one here, else as no encoding of what was `expected`.
    /// Parameters have one form each, so that a key has one encoding.
    pub(super) fn of(algorithm: &AlgorithmIdentifierRef<'_>, expected: &'static str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed(expected);
        let names = match algorithm.oid {
            ELLIPTIC_CURVE => return Self::of_curve(&algorithm.parameters_oid().map_err(|_| malformed())?, expected),
            RSA => {
                return match algorithm.parameters {
                    Some(parameters) if parameters.is_null() => Ok(Self::Rsa),
                    _ => Err(malformed()),
                };
            }
            ED25519 if algorithm.parameters.is_none() => return Ok(Self::Ed25519),
            other => other,
        };
        Err(other(&names, expected))
    }

    pub(super) fn of_curve(curve: &ObjectIdentifier, expected: &'static str) -> Result<Self, KeyError> {
        match *curve {
            P256 => Ok(Self::P256),
            P384 => Ok(Self::P384),
            P521 => Ok(Self::P521),
            _ => Err(other(curve, expected)),
        }
    }
}

fn other(names: &ObjectIdentifier, expected: &'static str) -> KeyError {
    match OTHERS.iter().find(|(identifier, _)| identifier == names) {
        Some((_, algorithm)) => KeyError::Algorithm { algorithm },
        None => KeyError::Malformed(expected),
    }
}
