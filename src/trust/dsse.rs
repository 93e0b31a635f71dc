//! DSSE envelopes (Dead Simple Signing Envelope 1.0) as Sigstore bundles hold them: one signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::PublicKey;
use super::limits::LIMITS;
use super::verification::{VerificationError, shown, signer};

/// The payload type of in-toto statements.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";

const WHAT: &str = "DSSE envelope";

/// The fields of `io.intoto.Envelope` (protobuf-specs), in its order. cosign refuses any other field.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    sig: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
}

/// What is signed in place of the payload: the pre-authentication encoding, so that nothing signed with the key for
/// another purpose passes for an envelope.
pub(super) fn message(payload: &[u8]) -> Vec<u8> {
    sigstore_types::pae(IN_TOTO, payload)
}

impl Envelope {
    pub(super) fn new(payload: &[u8], signature: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: IN_TOTO.to_owned(),
            signatures: vec![EnvelopeSignature {
                sig: STANDARD.encode(signature),
                keyid: String::new(),
            }],
        }
    }

    /// What it holds, whoever signed it.
    pub(super) fn payload(&self) -> Result<Vec<u8>, VerificationError> {
        decode("payload", &self.payload)
    }

    /// The payload and the key that signed it.
    pub(super) fn open<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<(Vec<u8>, &'k PublicKey), VerificationError> {
        if self.payload_type != IN_TOTO {
            return Err(VerificationError::PayloadType {
                found: shown(&self.payload_type),
                expected: IN_TOTO,
            });
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(VerificationError::malformed(
                WHAT,
                format_args!("{} signatures: expected one", self.signatures.len()),
            ));
        };
        if !signature.keyid.is_empty() {
            // cosign skips signatures whose key id is not the one it computes: they would count here and not there.
            return Err(VerificationError::unsupported("a key id in a DSSE envelope"));
        }
        let payload = self.payload()?;
        VerificationError::check_size("signature", signature.sig.len(), LIMITS.signature)?;
        let signature = decode("signature", &signature.sig)?;
        let key = signer(keys, &message(&payload), &signature)?;
        Ok((payload, key))
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, VerificationError> {
    STANDARD
        .decode(text)
        .map_err(|error| VerificationError::malformed(WHAT, format_args!("its {what} is not base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    #[test]
    fn the_payload_is_signed_with_its_type_and_length() {
        assert_eq!(message(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    }

    #[test]
    fn only_the_signed_payload_comes_out() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign(&message(b"{}")).unwrap();
        let keys = [key.public_key().clone()];
        assert_eq!(Envelope::new(b"{}", &signature).open(&keys).unwrap().0, b"{}");
        assert_eq!(
            Envelope::new(b"[]", &signature).open(&keys).unwrap_err(),
            VerificationError::Signature { keys: 1 }
        );
        let raw = key.sign(b"{}").unwrap();
        assert!(Envelope::new(b"{}", &raw).open(&keys).is_err());
    }

    #[test]
    fn an_envelope_of_none_or_several_signatures_is_refused() {
        let key = PrivateKey::generate().unwrap();
        let keys = [key.public_key().clone()];
        let mut envelope = Envelope::new(b"{}", &key.sign(&message(b"{}")).unwrap());
        let again = EnvelopeSignature {
            sig: envelope.signatures[0].sig.clone(),
            keyid: String::new(),
        };
        envelope.signatures.push(again);
        assert!(matches!(envelope.open(&keys), Err(VerificationError::Malformed { .. })));
        envelope.signatures.clear();
        assert!(matches!(envelope.open(&keys), Err(VerificationError::Malformed { .. })));
    }
}
