//! What a Rekor v2 log is asked (rekor-tiles, `api/proto/rekor/v2`): it answers with the entry, its inclusion proved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::WitnessError;
use crate::trust::{KeyAlgorithm, PublicKey};

/// Below the log's URL.
pub(super) const PATH: &str = "api/v2/log/entries";

/// Asks for an entry of the key's signature over `message`.
pub(super) fn request(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<Value, WitnessError> {
    let details = match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
        KeyAlgorithm::Rsa2048 => "PKIX_RSA_PKCS1V15_2048_SHA256",
        KeyAlgorithm::Rsa3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
        KeyAlgorithm::Rsa4096 => "PKIX_RSA_PKCS1V15_4096_SHA256",
        algorithm @ (KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Ed25519) => {
            return Err(WitnessError::Algorithm { algorithm });
        }
    };
    Ok(json!({
        "hashedRekordRequestV002": {
            "digest": STANDARD.encode(Sha256::digest(message)),
            "signature": {
                "content": STANDARD.encode(signature),
                "verifier": {
                    "publicKey": { "rawBytes": STANDARD.encode(key.der()) },
                    "keyDetails": details,
                },
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    #[test]
    fn a_request_names_digest_signature_and_key() {
        let key = PrivateKey::generate().unwrap().public_key().clone();
        let request = request(&key, b"message", b"signature").unwrap();
        let request = &request["hashedRekordRequestV002"];
        assert_eq!(request["digest"], STANDARD.encode(Sha256::digest(b"message")));
        assert_eq!(request["signature"]["content"], STANDARD.encode(b"signature"));
        assert_eq!(
            request["signature"]["verifier"]["publicKey"]["rawBytes"],
            STANDARD.encode(key.der())
        );
    }

    #[test]
    fn keys_that_a_log_does_not_take_are_told() {
        let key = PrivateKey::generate_as(KeyAlgorithm::Ed25519)
            .unwrap()
            .public_key()
            .clone();
        assert!(matches!(request(&key, b"", b""), Err(WitnessError::Algorithm { .. })));
    }
}
