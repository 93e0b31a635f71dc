//! Private keys, in memory.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use super::algorithm::{Family, KeyAlgorithm};
use super::{KeyError, PublicKey};

const PKCS8: &str = "expected the PKCS#8 encoding of an ECDSA, Ed25519 or RSA key";
const SEC1: &str = "expected the SEC 1 encoding of an ECDSA key";
const PKCS1: &str = "expected the PKCS#1 encoding of an RSA key";

/// A key that signs. The secret is wiped when it is dropped.
pub struct PrivateKey {
    secret: Secret,
    public_key: PublicKey,
}

enum Secret {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// A new key of the kind that cosign generates, from the system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        Self::generate_as(KeyAlgorithm::EcdsaP256)
    }

    /// A new key from the system's random numbers.
    pub fn generate_as(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Secret::Ecdsa);
        let rsa = |size| RsaKeyPair::generate(size).map(Secret::Rsa);
        let secret = match algorithm {
            KeyAlgorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Secret::Ed25519),
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        Self::new(secret.map_err(|_| KeyError::Cryptography("no key could be generated"))?)
    }

    /// Reads PKCS#8 (RFC 5958).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed(PKCS8))?;
        let secret = match Family::of(&info.algorithm, PKCS8)? {
            Family::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Secret::Ed25519),
            Family::Rsa => RsaKeyPair::from_pkcs8(der).map(Secret::Rsa),
            Family::P256 => ecdsa(EcdsaKeyPair::from_pkcs8, &ECDSA_P256_SHA256_ASN1_SIGNING, der),
            Family::P384 => ecdsa(EcdsaKeyPair::from_pkcs8, &ECDSA_P384_SHA384_ASN1_SIGNING, der),
            Family::P521 => ecdsa(EcdsaKeyPair::from_pkcs8, &ECDSA_P521_SHA512_ASN1_SIGNING, der),
        };
        Self::new(secret.map_err(|_| KeyError::Malformed(PKCS8))?)
    }

    /// Reads an ECPrivateKey (RFC 5915), as `openssl ecparam -genkey` writes it.
    pub fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let key = EcPrivateKey::try_from(der).map_err(|_| KeyError::Malformed(SEC1))?;
        let curve = key
            .parameters
            .and_then(sec1::EcParameters::named_curve)
            .ok_or(KeyError::Malformed("the key does not name its curve"))?;
        let read = EcdsaKeyPair::from_private_key_der;
        let secret = match Family::of_curve(&curve, SEC1)? {
            Family::P256 => ecdsa(read, &ECDSA_P256_SHA256_ASN1_SIGNING, der),
            Family::P384 => ecdsa(read, &ECDSA_P384_SHA384_ASN1_SIGNING, der),
            Family::P521 => ecdsa(read, &ECDSA_P521_SHA512_ASN1_SIGNING, der),
            Family::Ed25519 | Family::Rsa => return Err(KeyError::Malformed(SEC1)),
        };
        Self::new(secret.map_err(|_| KeyError::Malformed(SEC1))?)
    }

    /// Reads an RSAPrivateKey (RFC 8017), as `openssl genrsa -traditional` writes it.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let secret = RsaKeyPair::from_der(der).map_err(|_| KeyError::Malformed(PKCS1))?;
        Self::new(Secret::Rsa(secret))
    }

    fn new(secret: Secret) -> Result<Self, KeyError> {
        let public_key: Result<PublicKeyX509Der<'_>, Unspecified> = match &secret {
            Secret::Ecdsa(pair) => pair.public_key().as_der(),
            Secret::Ed25519(pair) => pair.public_key().as_der(),
            Secret::Rsa(pair) => pair.public_key().as_der(),
        };
        let public_key = public_key.map_err(|_| KeyError::Cryptography("the key has no public part"))?;
        Ok(Self {
            public_key: PublicKey::from_der(public_key.as_ref())?,
            secret,
        })
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let copy = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match &self.secret {
            Secret::Ecdsa(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            Secret::Ed25519(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            Secret::Rsa(pair) => pair.as_der().map(|der: Pkcs8V1Der<'_>| copy(der.as_ref())),
        }
        .map_err(|_| KeyError::Cryptography("the key could not be encoded"))
    }

    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public_key.algorithm()
    }

    /// A signature that `cosign verify` accepts: an ECDSA-Sig-Value (DER) over the digest that fits the curve, another one
    /// each time; Ed25519 of the message itself, although `cosign sign` makes Ed25519ph, which `cosign verify` refuses;
    /// RSA PKCS#1 v1.5 over SHA-256.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Ecdsa(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Secret::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Secret::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map(|()| signature)
            }
        }
        .map_err(|_| KeyError::Cryptography("signing failed"))
    }
}

fn ecdsa(
    read: impl FnOnce(&'static EcdsaSigningAlgorithm, &[u8]) -> Result<EcdsaKeyPair, KeyRejected>,
    curve: &'static EcdsaSigningAlgorithm,
    der: &[u8],
) -> Result<Secret, KeyRejected> {
    read(curve, der).map(Secret::Ecdsa)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey(of {})", self.public_key.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_verifies_with_its_public_key_only() {
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate_as(algorithm).unwrap();
            let signature = key.sign(b"message").unwrap();
            assert!(key.public_key().verify(b"message", &signature), "{algorithm}");
            assert!(!key.public_key().verify(b"another", &signature), "{algorithm}");
            let other = PrivateKey::generate_as(algorithm).unwrap();
            assert!(!other.public_key().verify(b"message", &signature), "{algorithm}");
            for position in [0, signature.len() / 2, signature.len() - 1] {
                let mut spoilt = signature.clone();
                spoilt[position] ^= 1;
                assert!(!key.public_key().verify(b"message", &spoilt), "{algorithm}");
            }
            assert!(!key.public_key().verify(b"message", &[]), "{algorithm}");
        }
    }

    #[test]
    fn a_key_survives_pkcs8_and_never_shows_itself() {
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate_as(algorithm).unwrap();
            let encoded = key.to_pkcs8().unwrap();
            let read = PrivateKey::from_pkcs8(&encoded).unwrap();
            assert_eq!(read.public_key(), key.public_key());
            assert_eq!(
                format!("{key:?}"),
                format!("PrivateKey(of {})", key.public_key().fingerprint())
            );
        }
    }

    #[test]
    fn what_is_signed_in_the_other_way_of_its_kind_counts_too() {
        use aws_lc_rs::signature::{
            ECDSA_P384_SHA3_384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING, RSA_PSS_SHA256, RSA_PSS_SHA512,
        };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA256_ASN1_SIGNING).unwrap();
        let signature = pair.sign(&random, b"message").unwrap();
        let key = PrivateKey::from_pkcs8(pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        assert!(key.public_key().verify(b"message", signature.as_ref()));

        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA3_384_ASN1_SIGNING).unwrap();
        let signature = pair.sign(&random, b"message").unwrap();
        let key = PrivateKey::from_pkcs8(pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        assert!(!key.public_key().verify(b"message", signature.as_ref()));

        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let key = PrivateKey::from_pkcs8(pkcs8_of(&pair).as_ref()).unwrap();
        for (padding, counts) in [(&RSA_PSS_SHA256, true), (&RSA_PSS_SHA512, false)] {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &random, b"message", &mut signature).unwrap();
            assert_eq!(key.public_key().verify(b"message", &signature), counts);
        }
    }

    fn pkcs8_of(pair: &RsaKeyPair) -> Pkcs8V1Der<'static> {
        pair.as_der().unwrap()
    }
}
