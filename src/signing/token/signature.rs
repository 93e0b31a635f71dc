//! What is asked of a token for each kind of key, and what comes of its answer.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use spki::der::asn1::{Any, UintRef};
use spki::der::{Encode as _, Tag};

use super::TokenError;
use crate::trust::KeyAlgorithm;

/// The mechanism, and what it is to sign: tokens hash for RSA and Ed25519, and few do for ECDSA.
pub(super) fn request(algorithm: KeyAlgorithm, message: &[u8]) -> (Mechanism<'static>, Vec<u8>) {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => (Mechanism::Ecdsa, Sha256::digest(message).to_vec()),
        KeyAlgorithm::EcdsaP384 => (Mechanism::Ecdsa, Sha384::digest(message).to_vec()),
        KeyAlgorithm::EcdsaP521 => (Mechanism::Ecdsa, Sha512::digest(message).to_vec()),
        KeyAlgorithm::Ed25519 => {
            let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
            (Mechanism::Eddsa(pure), message.to_vec())
        }
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            (Mechanism::Sha256RsaPkcs, message.to_vec())
        }
    }
}

/// The signature as verifiers want it: of ECDSA's two numbers, which PKCS#11 gives side by side, DER.
pub(super) fn encoded(algorithm: KeyAlgorithm, answer: Vec<u8>) -> Result<Vec<u8>, TokenError> {
    let size = match algorithm {
        KeyAlgorithm::EcdsaP256 => 32,
        KeyAlgorithm::EcdsaP384 => 48,
        KeyAlgorithm::EcdsaP521 => 66,
        _ => return Ok(answer),
    };
    let refused = |reason: String| TokenError::Signature { algorithm, reason };
    if answer.len() != 2 * size {
        return Err(refused(format!(
            "it signed with {} bytes: expected {}",
            answer.len(),
            2 * size
        )));
    }
    let (r, s) = answer.split_at(size);
    let sequence = || -> spki::der::Result<Vec<u8>> {
        let numbers = [UintRef::new(r)?.to_der()?, UintRef::new(s)?.to_der()?].concat();
        Any::new(Tag::Sequence, numbers)?.to_der()
    };
    sequence().map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_side_by_side_become_der() {
        let mut answer = vec![0; 64];
        answer[31] = 1;
        answer[32] = 0x80;
        let der = encoded(KeyAlgorithm::EcdsaP256, answer).unwrap();
        assert_eq!(der[..7], [0x30, 38, 2, 1, 1, 2, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        assert!(encoded(KeyAlgorithm::EcdsaP256, vec![1; 63]).is_err());
        let largest = encoded(KeyAlgorithm::EcdsaP521, vec![0xff; 132]).unwrap();
        assert_eq!(largest[..3], [0x30, 0x81, 138]);
        assert_eq!(encoded(KeyAlgorithm::Ed25519, vec![7; 64]).unwrap(), [7; 64]);
    }
}
