//! Private keys, in memory.

use std::fmt;

use pkcs8::PrivateKeyInfoRef;
use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
use sigstore::crypto::signing_key::ecdsa::ec::{EcdsaKeys, EcdsaSigner};
use sigstore::crypto::signing_key::{KeyPair as _, Signer as _};
use zeroize::Zeroizing;

use super::{KeyError, PublicKey, algorithm};

const EXPECTED: &str = "expected the PKCS#8 encoding of an ECDSA P-256 key";

/// An ECDSA P-256 key that signs. The secret is wiped when it is dropped.
pub struct PrivateKey {
    signer: EcdsaSigner,
    public_key: PublicKey,
}

impl PrivateKey {
    /// A new key from the system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let keys =
            EcdsaKeys::new(EllipticCurve::P256).map_err(|_| KeyError::Cryptography("no key could be generated"))?;
        Self::new(&keys)
    }

    /// Reads PKCS#8 (RFC 5958).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed(EXPECTED))?;
        // `EcdsaKeys` takes other curves, too, and what these sign is hashed otherwise.
        algorithm::require_p256(&info.algorithm, EXPECTED)?;
        let keys = EcdsaKeys::from_pkcs8_der(der).map_err(|_| KeyError::Malformed(EXPECTED))?;
        Self::new(&keys)
    }

    fn new(keys: &EcdsaKeys) -> Result<Self, KeyError> {
        let unusable = |_| KeyError::Cryptography("the key could not be taken up");
        Ok(Self {
            public_key: PublicKey::from_der(&keys.public_key_to_der().map_err(unusable)?)?,
            signer: keys.to_signer().map_err(unusable)?,
        })
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.signer
            .ecdsa_keys()
            .private_key_to_der()
            .map_err(|_| KeyError::Cryptography("the key could not be encoded"))
    }

    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// An ECDSA-Sig-Value (DER) over SHA-256 of `message`. Another one each time: ECDSA takes a random number.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer
            .sign(message)
            .map_err(|_| KeyError::Cryptography("signing failed"))
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
