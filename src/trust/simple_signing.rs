//! The older form of a signature: a payload that names image and digest, and a signature over its bytes
//! (`containers-signature(5)`, with cosign's type). Both stand in the manifest under `sha256-<hex>.sig`, see
//! [`super::SignatureEntry`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::PublicKey;
use super::limits::LIMITS;
use super::verification::{VerificationError, shown, signer};
use crate::model::{Digest, Repository};

const WHAT: &str = "simple signing payload";
const TYPE: &str = "cosign container image signature";

/// A payload that one of the keys signed and that names the digest asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPayload {
    /// What the signer calls the image: a repository, for some signers with a tag. cosign does not compare it; neither
    /// is it part of the verdict here.
    pub docker_reference: String,
    /// [`PublicKey::fingerprint`] of the key that signed.
    pub key: Digest,
}

/// In the order that Go's `encoding/json` writes. More or other fields in what is critical must not be ignored
/// (`containers-signature(5)`, "critical").
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    critical: Critical,
    optional: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    payload_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: String,
}

/// The bytes to sign: what `cosign sign --sign-container-identity PUBLIC-REFERENCE` makes.
#[must_use]
pub fn payload(public_reference: &Repository, digest: &Digest) -> Vec<u8> {
    serde_json::to_vec(&Payload {
        critical: Critical {
            identity: Identity {
                docker_reference: public_reference.to_string(),
            },
            image: Image {
                docker_manifest_digest: digest.to_string(),
            },
            payload_type: TYPE.to_owned(),
        },
        optional: None,
    })
    .expect("plain structs of texts always serialise")
}

/// Verifies that one of `keys` signed the payload and that it names `digest`. `signature` is base64 of DER, as the
/// annotation `dev.cosignproject.cosign/signature` holds it.
pub fn verify(
    payload: &[u8],
    signature: &str,
    keys: &[PublicKey],
    digest: &Digest,
) -> Result<VerifiedPayload, VerificationError> {
    VerificationError::check_size(WHAT, payload.len(), LIMITS.document)?;
    VerificationError::check_size("signature", signature.len(), LIMITS.signature)?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|error| VerificationError::malformed("signature", format_args!("not base64: {error}")))?;
    let key = signer(keys, payload, &signature)?;
    let claim = claim(payload, digest)?;
    Ok(VerifiedPayload {
        docker_reference: claim.docker_reference,
        key: key.fingerprint(),
    })
}

/// What a payload says, whoever signed it.
pub(super) struct Claim {
    pub docker_reference: String,
    /// What the signer said beside.
    pub annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Reads a payload that names `digest`.
pub(super) fn claim(payload: &[u8], digest: &Digest) -> Result<Claim, VerificationError> {
    VerificationError::check_size(WHAT, payload.len(), LIMITS.document)?;
    let Payload { critical, optional } =
        serde_json::from_slice(payload).map_err(|error| VerificationError::malformed(WHAT, error))?;
    if critical.payload_type != TYPE {
        return Err(VerificationError::malformed(
            WHAT,
            format_args!("its type is `{}`: expected `{TYPE}`", shown(&critical.payload_type)),
        ));
    }
    if critical.image.docker_manifest_digest != digest.to_string() {
        return Err(VerificationError::OtherDigest {
            found: shown(&critical.image.docker_manifest_digest),
            expected: *digest,
        });
    }
    Ok(Claim {
        docker_reference: critical.identity.docker_reference,
        annotations: optional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    fn reference() -> Repository {
        "registry.example.com/dns/coredns".parse().unwrap()
    }

    fn check(payload: &[u8], digest: &Digest) -> Result<VerifiedPayload, VerificationError> {
        let key = PrivateKey::generate().unwrap();
        let signature = STANDARD.encode(key.sign(payload).unwrap());
        verify(payload, &signature, &[key.public_key().clone()], digest)
    }

    #[test]
    fn the_payload_is_the_one_that_cosign_makes() {
        let digest = Digest::of(b"image");
        assert_eq!(
            String::from_utf8(payload(&reference(), &digest)).unwrap(),
            format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"registry.example.com/dns/coredns"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
            )
        );
    }

    #[test]
    fn a_signed_payload_verifies_for_its_digest_and_key_only() {
        let key = PrivateKey::generate().unwrap();
        let other = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let payload = payload(&reference(), &digest);
        let signature = STANDARD.encode(key.sign(&payload).unwrap());
        let keys = [key.public_key().clone()];
        let verified = verify(&payload, &signature, &keys, &digest).unwrap();
        assert_eq!(verified.docker_reference, "registry.example.com/dns/coredns");
        assert_eq!(verified.key, key.public_key().fingerprint());
        assert!(matches!(
            verify(&payload, &signature, &keys, &Digest::of(b"another")),
            Err(VerificationError::OtherDigest { .. })
        ));
        assert_eq!(
            verify(&payload, &signature, &[other.public_key().clone()], &digest),
            Err(VerificationError::Signature { keys: 1 })
        );
    }

    #[test]
    fn payloads_with_annotations_are_read() {
        let digest = Digest::of(b"image");
        let annotated = String::from_utf8(payload(&reference(), &digest))
            .unwrap()
            .replace("null", r#"{"build":17,"creator":"ci"}"#);
        assert!(check(annotated.as_bytes(), &digest).is_ok());
    }

    #[test]
    fn payloads_of_another_kind_or_that_readers_could_take_differently_are_refused() {
        let digest = Digest::of(b"image");
        let good = String::from_utf8(payload(&reference(), &digest)).unwrap();
        let twice = format!(r#""docker-manifest-digest":"{digest}","docker-manifest-digest":"#);
        for bad in [
            good.replace("cosign container", "atomic container"),
            good.replace(r#""critical":{"#, r#""critical":{"expires":1,"#),
            good.replacen(r#""docker-manifest-digest":"#, &twice, 1),
            good.replace(r#""optional":null"#, r#""optional":[]"#),
            "{}".to_owned(),
        ] {
            assert!(
                matches!(check(bad.as_bytes(), &digest), Err(VerificationError::Malformed { .. })),
                "{bad}"
            );
        }
    }
}
