//! JSON Web Tokens (RFC 7519): those that are signed to prove who we are, and the end of those that we are given.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The claims, signed with an RSA key in PEM form (RS256).
///
/// # Errors
/// Says, without the key, what is wrong with it.
pub(super) fn sign(key_pem: &str, key_id: Option<&str>, claims: &Value) -> Result<Zeroizing<String>, String> {
    let key = key_pair(key_pem)?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = key_id {
        header["kid"] = id.into();
    }
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .map_err(|_| "its private key cannot sign".to_owned())?;
    Ok(Zeroizing::new(format!(
        "{message}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    )))
}

fn key_pair(pem: &str) -> Result<RsaKeyPair, String> {
    let bad = "its private key is not an RSA key in PEM form".to_owned();
    let block = pem::parse(pem).map_err(|_| bad.clone())?;
    let tag = block.tag().to_owned();
    let der = Zeroizing::new(block.into_contents());
    match tag.as_str() {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => return Err(bad),
    }
    .map_err(|_| bad)
}

/// When a token says that it ends. Nothing is verified: it was given to us over TLS by whoever will judge it.
pub(super) fn end(token: &str) -> Option<Timestamp> {
    let payload = token.split('.').nth(1)?;
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const KEY: &str = include_str!("../../testdata/credentials/service-account.key");

    #[test]
    fn a_signed_token_verifies_and_says_its_end() {
        let token = sign(KEY, Some("k1"), &json!({ "iss": "robot", "exp": 1_800_000_000 })).unwrap();
        assert_eq!(end(&token).unwrap().as_second(), 1_800_000_000);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let der: PublicKeyX509Der<'_> = key_pair(KEY).unwrap().public_key().as_der().unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref())
            .verify(message.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
        let header = BASE64_URL_SAFE_NO_PAD
            .decode(message.split('.').next().unwrap())
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&header).unwrap(),
            json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" })
        );
    }

    #[test]
    fn keys_that_cannot_be_used_are_not_shown() {
        for key in [
            "hunter2",
            "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n",
        ] {
            assert_eq!(
                sign(key, None, &json!({})).unwrap_err(),
                "its private key is not an RSA key in PEM form"
            );
        }
        for token in ["", "a.b", "a.e30.c", "a.eyJleHAiOiJ4In0.c"] {
            assert_eq!(end(token), None, "{token}");
        }
    }
}
