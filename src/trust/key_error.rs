//! What can be wrong with a key.

use thiserror::Error;

/// Why bytes are no key that landfall can use. Never repeats key material or passwords.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("{size} bytes are too many for a key file: at most {limit} are read")]
    TooLarge { size: usize, limit: usize },
    #[error("not PEM: expected `-----BEGIN {expected}-----`")]
    NotPem { expected: &'static str },
    #[error("{count} PEM blocks: expected one, so that it is clear which key counts")]
    Blocks { count: usize },
    #[error("the PEM block is `{found}`: expected `{expected}`{}", remedy(.expected, .found))]
    Label { expected: &'static str, found: String },
    #[error(
        "{algorithm} keys are not supported: use ECDSA P-256, which is what cosign generates, P-384 or P-521, Ed25519, or RSA"
    )]
    Algorithm { algorithm: &'static str },
    #[error("an RSA key of {bits} bits: cosign takes 2048, 3072 and 4096")]
    RsaSize { bits: usize },
    #[error("an RSA key with another exponent than 65537, which cosign does not take")]
    RsaExponent,
    #[error(
        "the key is encrypted as openssl once did it, which protects it little: `openssl pkey` decrypts it, `cosign import-key-pair --key FILE` encrypts it anew"
    )]
    LegacyEncryption,
    #[error("the content of the PEM block is no key: {0}")]
    Malformed(&'static str),
    #[error("the encrypted key cannot be read: {0}")]
    Encryption(String),
    #[error(
        "scrypt parameters N={n}, r={r}, p={p}: cosign writes N=32768, 65536 or 131072 with r=8 and p=1, others are refused"
    )]
    Cost { n: u64, r: u32, p: u32 },
    #[error("the password does not open the key")]
    WrongPassword,
    #[error("the system's cryptography failed: {0}")]
    Cryptography(&'static str),
}

/// What to do about a block that is something else than wanted.
fn remedy(expected: &str, found: &str) -> &'static str {
    match (expected, found) {
        ("PUBLIC KEY", label) if label.ends_with("PRIVATE KEY") => {
            ". A private key must not stand here: `cosign public-key --key FILE` or `openssl pkey -pubout` gives its public key"
        }
        ("PUBLIC KEY", "CERTIFICATE") => ". `openssl x509 -pubkey -noout` gives a certificate's public key",
        (_, "ENCRYPTED PRIVATE KEY") => {
            ". `openssl pkey` decrypts it, `cosign import-key-pair --key FILE` encrypts it anew"
        }
        _ => "",
    }
}
