//! Public keys: ECDSA on P-256, which is what cosign generates.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spki::SubjectPublicKeyInfoRef;

use super::{KeyError, algorithm, pem_block};
use crate::model::{Digest, SignerIdentity, SignerKey};

const LABEL: &str = "PUBLIC KEY";

const EXPECTED: &str = "expected the SubjectPublicKeyInfo of an ECDSA P-256 key";

/// The bytes of an uncompressed point (SEC 1, 2.3.3). Go, and so cosign, reads no other in a key.
const POINT: usize = 65;

/// A key that signatures are held against.
#[derive(Clone)]
pub struct PublicKey {
    der: Box<[u8]>,
    fingerprint: Digest,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads one PEM block `PUBLIC KEY`, as `cosign generate-key-pair` writes it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let block = pem_block::read(pem, LABEL)?;
        if block.label != LABEL {
            return Err(KeyError::Label {
                expected: LABEL,
                found: block.label,
            });
        }
        Self::from_der(&block.contents)
    }

    /// Reads a SubjectPublicKeyInfo. DER has one encoding of a key, so that a fingerprint over it names the key.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed(EXPECTED))?;
        algorithm::require_p256(&info.algorithm, EXPECTED)?;
        let point = info.subject_public_key.as_bytes().unwrap_or_default();
        if point.len() != POINT || point[0] != 4 {
            return Err(KeyError::Malformed("expected an uncompressed point of P-256"));
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .map_err(|_| KeyError::Malformed("its point is not on the curve P-256"))?;
        Ok(Self {
            fingerprint: Digest::of(der),
            der: der.into(),
            key,
        })
    }

    /// The PEM block that [`Self::from_pem`] reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem_block::write(LABEL, &self.der)
    }

    /// SHA-256 over the SubjectPublicKeyInfo: names the key in reports and errors.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whose signatures this key proves.
    #[must_use]
    pub fn identity(&self) -> SignerIdentity {
        SignerIdentity::Key(self.fingerprint)
    }

    /// As the manifests name the key.
    #[must_use]
    pub fn to_signer_key(&self) -> SignerKey {
        SignerKey {
            pem: self.to_pem().into(),
            identity: self.identity(),
        }
    }

    /// How bundles name the key: the fingerprint in base64 (cosign 3, `internal/key/svkeypair.go`).
    #[must_use]
    pub fn hint(&self) -> String {
        STANDARD.encode(self.fingerprint.as_bytes())
    }

    /// Whether `signature` (ECDSA-Sig-Value, DER) is this key's over SHA-256 of `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.fingerprint)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for PublicKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    /// `openssl genpkey -algorithm ed25519 | openssl pkey -pubout`
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_survives_pem_and_is_named_by_its_fingerprint() {
        let key = PrivateKey::generate().unwrap().public_key().clone();
        let read = PublicKey::from_pem(key.to_pem().as_bytes()).unwrap();
        assert_eq!(read, key);
        assert_eq!(STANDARD.decode(read.hint()).unwrap(), key.fingerprint().as_bytes());
        assert_eq!(
            Digest::of(&pem::parse(key.to_pem()).unwrap().into_contents()),
            key.fingerprint()
        );
    }

    #[test]
    fn other_algorithms_are_refused_by_name() {
        assert_eq!(
            PublicKey::from_pem(ED25519.as_bytes()),
            Err(KeyError::Algorithm { algorithm: "Ed25519" })
        );
    }

    #[test]
    fn a_private_key_in_the_place_of_a_public_one_is_refused_with_a_remedy() {
        let error = PublicKey::from_pem(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap_err();
        assert!(error.to_string().contains("must not stand here"), "{error}");
        assert!(!error.to_string().contains("AAAA"));
    }

    #[test]
    fn two_keys_in_one_file_are_refused() {
        let pem = PrivateKey::generate().unwrap().public_key().to_pem().repeat(2);
        assert_eq!(PublicKey::from_pem(pem.as_bytes()), Err(KeyError::Blocks { count: 2 }));
    }

    #[test]
    fn points_that_are_compressed_or_off_the_curve_are_refused() {
        let key = PrivateKey::generate().unwrap().public_key().clone();
        let mut der = key.der.to_vec();
        der[40] ^= 1;
        assert!(matches!(PublicKey::from_der(&der), Err(KeyError::Malformed(_))));
        let mut compressed = key.der[..26 + 33].to_vec();
        compressed[26] = 2;
        // The lengths of the whole and of the bit string, shorter by the half of the point that is left out.
        compressed[1] -= 32;
        compressed[24] -= 32;
        assert_eq!(
            PublicKey::from_der(&compressed),
            Err(KeyError::Malformed("expected an uncompressed point of P-256"))
        );
    }

    #[test]
    fn a_key_has_one_encoding() {
        let der = PrivateKey::generate().unwrap().public_key().der.to_vec();
        assert!(PublicKey::from_der(&der).is_ok());
        // Tags, lengths, identifiers and the number of unused bits: all that stands before the point.
        for position in 0..der.len() - POINT {
            for bit in 0..8 {
                let mut other = der.clone();
                other[position] ^= 1 << bit;
                assert!(PublicKey::from_der(&other).is_err(), "bit {bit} of byte {position}");
            }
        }
        assert!(PublicKey::from_der(&[&der[..], b"\x05\x00"].concat()).is_err());
        assert!(PublicKey::from_der(&der[..der.len() - 1]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn bytes_that_are_no_key_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = PublicKey::from_der(&bytes);
            let _ = PublicKey::from_pem(&bytes);
            let _ = PublicKey::from_pem(&[b"-----BEGIN PUBLIC KEY-----\n", &bytes[..], b"\n-----END PUBLIC KEY-----"].concat());
        }
    }
}
