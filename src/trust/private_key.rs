//! Private keys, in memory.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::{KeyError, PublicKey, algorithm};

/// An ECDSA P-256 key that signs. The secret is wiped when it is dropped.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    public_key: PublicKey,
}

impl PrivateKey {
    /// A new key from the system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| KeyError::Cryptography("no key could be generated"))?;
        Self::new(pair)
    }

    /// Reads PKCS#8 (RFC 5958).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| match algorithm::name(der) {
                Some(algorithm) => KeyError::Algorithm { algorithm },
                None => KeyError::Malformed("expected the PKCS#8 encoding of an ECDSA P-256 key"),
            })?;
        Self::new(pair)
    }

    fn new(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let public_key = PublicKey::from_point(pair.public_key().as_ref())?;
        Ok(Self { pair, public_key })
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self
            .pair
            .to_pkcs8v1()
            .map_err(|_| KeyError::Cryptography("the key could not be encoded"))?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// An ECDSA-Sig-Value (DER) over SHA-256 of `message`. Another one each time: ECDSA takes a random number.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message)
            .map_err(|_| KeyError::Cryptography("signing failed"))?;
        Ok(signature.as_ref().to_vec())
    }
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
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign(b"message").unwrap();
        assert!(key.public_key().verify(b"message", &signature));
        assert!(!key.public_key().verify(b"another", &signature));
        let other = PrivateKey::generate().unwrap();
        assert!(!other.public_key().verify(b"message", &signature));
    }

    #[test]
    fn a_key_survives_pkcs8_and_never_shows_itself() {
        let key = PrivateKey::generate().unwrap();
        let encoded = key.to_pkcs8().unwrap();
        let read = PrivateKey::from_pkcs8(&encoded).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert_eq!(
            format!("{key:?}"),
            format!("PrivateKey(of {})", key.public_key().fingerprint())
        );
    }
}
