//! Public keys, and what counts as a signature of each.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};
use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::UintRef;
use spki::der::{Decode as _, Encode as _, Reader as _, SliceReader};

use super::algorithm::{Family, KeyAlgorithm};
use super::{KeyError, pem_block};
use crate::model::{Digest, SignerIdentity, SignerKey};

const LABEL: &str = "PUBLIC KEY";
/// PKCS#1, which cosign reads too.
const RSA_LABEL: &str = "RSA PUBLIC KEY";

const EXPECTED: &str = "expected the SubjectPublicKeyInfo of an ECDSA, Ed25519 or RSA key";

/// The exponent that cosign's own check of keys demands (`goodkey`).
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A key that signatures are held against.
#[derive(Clone)]
pub struct PublicKey {
    der: Box<[u8]>,
    fingerprint: Digest,
    algorithm: KeyAlgorithm,
    /// The one that is signed with first.
    schemes: Box<[Scheme]>,
}

/// A way in which a key of this kind signs in the field.
#[derive(Clone)]
enum Scheme {
    Plain(ParsedPublicKey),
    /// Over SHA-512 of the message (RFC 8032, section 5.1): what `cosign sign` makes with an Ed25519 key. Of all the
    /// schemes here the one that aws-lc-rs does not offer.
    Ed25519ph(VerifyingKey),
}

impl PublicKey {
    /// Reads one PEM block `PUBLIC KEY`, as `cosign generate-key-pair` writes it, or `RSA PUBLIC KEY`.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let block = pem_block::read(pem, LABEL)?;
        match block.label.as_str() {
            LABEL => Self::from_der(&block.contents),
            RSA_LABEL => Self::from_der(&of_pkcs1(&block.contents)?),
            _ => Err(KeyError::Label {
                expected: LABEL,
                found: block.label,
            }),
        }
    }

    /// Reads a SubjectPublicKeyInfo. DER has one encoding of a key, so that a fingerprint over it names the key.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed(EXPECTED))?;
        let family = Family::of(&info.algorithm, EXPECTED)?;
        let key = info.subject_public_key.as_bytes().unwrap_or_default();
        let (algorithm, schemes) = match family {
            Family::P256 => curve(KeyAlgorithm::EcdsaP256, key, 32, &[&signature::ECDSA_P256_SHA256_ASN1])?,
            Family::P384 => curve(
                KeyAlgorithm::EcdsaP384,
                key,
                48,
                &[&signature::ECDSA_P384_SHA384_ASN1, &signature::ECDSA_P384_SHA256_ASN1],
            )?,
            Family::P521 => curve(
                KeyAlgorithm::EcdsaP521,
                key,
                66,
                &[&signature::ECDSA_P521_SHA512_ASN1, &signature::ECDSA_P521_SHA256_ASN1],
            )?,
            Family::Ed25519 => (KeyAlgorithm::Ed25519, ed25519(key)?),
            Family::Rsa => rsa(key)?,
        };
        Ok(Self {
            fingerprint: Digest::of(der),
            der: der.into(),
            algorithm,
            schemes: schemes.into(),
        })
    }

    /// The PEM block that [`Self::from_pem`] reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem_block::write(LABEL, &self.der)
    }

    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
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

    /// Whether `signature` is this key's over `message`: DER for ECDSA, else the bytes themselves. The digest is the one
    /// that fits the key, or SHA-256; RSA signatures are PKCS#1 v1.5 or PSS, both over SHA-256.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.schemes.iter().any(|scheme| match scheme {
            Scheme::Plain(key) => key.verify_sig(message, signature).is_ok(),
            Scheme::Ed25519ph(key) => ed25519_dalek::Signature::from_slice(signature).is_ok_and(|signature| {
                key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature)
                    .is_ok()
            }),
        })
    }
}

fn plain(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], refused: &'static str) -> Result<Scheme, KeyError> {
    ParsedPublicKey::new(algorithm, key)
        .map(Scheme::Plain)
        .map_err(|_| KeyError::Malformed(refused))
}

/// `size`: the bytes of one coordinate. Go, and so cosign, reads no other than an uncompressed point (SEC 1, 2.3.3).
fn curve(
    algorithm: KeyAlgorithm,
    point: &[u8],
    size: usize,
    schemes: &[&'static dyn VerificationAlgorithm],
) -> Result<(KeyAlgorithm, Vec<Scheme>), KeyError> {
    if point.len() != 1 + 2 * size || point[0] != 4 {
        return Err(KeyError::Malformed("expected an uncompressed point of its curve"));
    }
    let schemes = schemes
        .iter()
        .map(|scheme| plain(*scheme, point, "its point is not on its curve"))
        .collect::<Result<_, _>>()?;
    Ok((algorithm, schemes))
}

fn ed25519(key: &[u8]) -> Result<Vec<Scheme>, KeyError> {
    let refused = "expected the 32 bytes of a point on Ed25519's curve";
    let bytes: &[u8; 32] = key.try_into().map_err(|_| KeyError::Malformed(refused))?;
    let prehashed = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Malformed(refused))?;
    if prehashed.is_weak() {
        return Err(KeyError::Malformed(
            "its point is of a small order: anybody could sign with it",
        ));
    }
    Ok(vec![
        plain(&signature::ED25519, key, refused)?,
        Scheme::Ed25519ph(prehashed),
    ])
}

fn rsa(key: &[u8]) -> Result<(KeyAlgorithm, Vec<Scheme>), KeyError> {
    let (modulus, exponent) = numbers(key)?;
    let bits = modulus
        .as_bytes()
        .first()
        .map_or(0, |first| modulus.as_bytes().len() * 8 - first.leading_zeros() as usize);
    let algorithm = match bits {
        2048 => KeyAlgorithm::Rsa2048,
        3072 => KeyAlgorithm::Rsa3072,
        4096 => KeyAlgorithm::Rsa4096,
        _ => return Err(KeyError::RsaSize { bits }),
    };
    if exponent.as_bytes() != EXPONENT {
        return Err(KeyError::RsaExponent);
    }
    let refused = "its modulus cannot be one";
    let schemes = vec![
        plain(&signature::RSA_PKCS1_2048_8192_SHA256, key, refused)?,
        plain(&signature::RSA_PSS_2048_8192_SHA256, key, refused)?,
    ];
    Ok((algorithm, schemes))
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017, appendix A.1.1).
fn numbers(key: &[u8]) -> Result<(UintRef<'_>, UintRef<'_>), KeyError> {
    let read = || -> spki::der::Result<_> {
        let mut reader = SliceReader::new(key)?;
        let numbers = reader
            .sequence(|reader| -> spki::der::Result<_> { Ok((UintRef::decode(reader)?, UintRef::decode(reader)?)) })?;
        reader.finish()?;
        Ok(numbers)
    };
    read().map_err(|_| KeyError::Malformed("expected modulus and exponent of an RSA key"))
}

/// The SubjectPublicKeyInfo of an RSAPublicKey.
fn of_pkcs1(key: &[u8]) -> Result<Vec<u8>, KeyError> {
    let refused = |_| KeyError::Malformed("expected modulus and exponent of an RSA key");
    numbers(key)?;
    let info = spki::SubjectPublicKeyInfoOwned {
        algorithm: spki::AlgorithmIdentifierOwned {
            oid: super::algorithm::RSA,
            parameters: Some(spki::der::asn1::Null.into()),
        },
        subject_public_key: spki::der::asn1::BitString::from_bytes(key).map_err(refused)?,
    };
    info.to_der().map_err(refused)
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

    /// The bytes of an uncompressed point of P-256.
    const POINT: usize = 65;

    /// `openssl ecparam -name secp256k1 -genkey | openssl ec -pubout`
    const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEGzFCbHcFiLmtvPLGyFKQ/zoLsrFKkrbn\n\
        5iF50vkifiFXn79qyQJpUSTC1S1hgEOvCdrQnqz0AbfQdgYemfVQ4w==\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_survives_pem_and_is_named_by_its_fingerprint() {
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate_as(algorithm).unwrap().public_key().clone();
            let read = PublicKey::from_pem(key.to_pem().as_bytes()).unwrap();
            assert_eq!(read, key);
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(STANDARD.decode(read.hint()).unwrap(), key.fingerprint().as_bytes());
            assert_eq!(
                Digest::of(&pem::parse(key.to_pem()).unwrap().into_contents()),
                key.fingerprint()
            );
        }
    }

    #[test]
    fn other_algorithms_are_refused_by_name() {
        assert_eq!(
            PublicKey::from_pem(SECP256K1.as_bytes()),
            Err(KeyError::Algorithm {
                algorithm: "ECDSA secp256k1"
            })
        );
    }

    #[test]
    fn an_rsa_key_in_pkcs1_is_the_key_that_it_is_in_its_usual_form() {
        let key = PrivateKey::generate_as(KeyAlgorithm::Rsa2048)
            .unwrap()
            .public_key()
            .clone();
        let info = SubjectPublicKeyInfoRef::try_from(&*key.der).unwrap();
        let pkcs1 = pem_block::write(RSA_LABEL, info.subject_public_key.raw_bytes());
        assert_eq!(PublicKey::from_pem(pkcs1.as_bytes()), Ok(key));
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
            Err(KeyError::Malformed("expected an uncompressed point of its curve"))
        );
    }

    #[test]
    fn a_point_with_which_anybody_can_sign_is_refused() {
        let key = PrivateKey::generate_as(KeyAlgorithm::Ed25519)
            .unwrap()
            .public_key()
            .clone();
        let mut der = key.der.to_vec();
        let start = der.len() - 32;
        // The neutral element: y = 1.
        der[start..].fill(0);
        der[start] = 1;
        assert!(matches!(PublicKey::from_der(&der), Err(KeyError::Malformed(_))));
    }

    #[test]
    fn a_key_has_one_encoding() {
        for (algorithm, body) in [
            (KeyAlgorithm::EcdsaP256, POINT),
            (KeyAlgorithm::Ed25519, 32),
            // Up to the modulus; behind it stands the exponent.
            (KeyAlgorithm::Rsa2048, 256 + 5),
        ] {
            let der = PrivateKey::generate_as(algorithm).unwrap().public_key().der.to_vec();
            assert!(PublicKey::from_der(&der).is_ok());
            // Tags, lengths, identifiers and the number of unused bits: all that stands before the key itself.
            for position in 0..der.len() - body {
                for bit in 0..8 {
                    let mut other = der.clone();
                    other[position] ^= 1 << bit;
                    assert!(
                        PublicKey::from_der(&other).is_err(),
                        "{algorithm}: bit {bit} of byte {position}"
                    );
                }
            }
            assert!(PublicKey::from_der(&[&der[..], b"\x05\x00"].concat()).is_err());
            assert!(PublicKey::from_der(&der[..der.len() - 1]).is_err());
        }
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
