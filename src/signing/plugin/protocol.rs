//! What is said to a plugin, and what it answers (`cliplugin/common`): JSON, in the second argument and on standard output.

use serde::{Deserialize, Serialize};

use crate::trust::KeyAlgorithm;

/// The first argument.
pub(super) const VERSION: &str = "v1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arguments<'a> {
    init_options: InitOptions<'a>,
    method_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<PublicKeyArguments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_message: Option<SignMessageArguments>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitOptions<'a> {
    protocol_version: &'static str,
    #[serde(rename = "keyResourceID")]
    key_resource_id: &'a str,
    hash_func: u32,
    rpc_options: RpcOptions,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct RpcOptions {
    key_version: &'static str,
    remote_verification: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyArguments {
    public_key_options: PublicKeyOptions,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyOptions {
    rpc_options: RpcOptions,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignMessageArguments {
    sign_options: SignOptions,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignOptions {
    rpc_options: RpcOptions,
    message_options: MessageOptions,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageOptions {
    hash_func: u32,
}

impl<'a> Arguments<'a> {
    /// Asks for the public key.
    pub fn public_key(key: &'a str) -> Self {
        Self {
            method_name: "publicKey",
            public_key: Some(PublicKeyArguments {
                public_key_options: PublicKeyOptions::default(),
            }),
            sign_message: None,
            init_options: InitOptions::of(key, KeyAlgorithm::EcdsaP256),
        }
    }

    /// Asks for a signature over standard input, by a key of this kind.
    pub fn sign_message(key: &'a str, algorithm: KeyAlgorithm) -> Self {
        Self {
            method_name: "signMessage",
            public_key: None,
            sign_message: Some(SignMessageArguments {
                sign_options: SignOptions {
                    rpc_options: RpcOptions::default(),
                    message_options: MessageOptions {
                        hash_func: hash_function(algorithm),
                    },
                },
            }),
            init_options: InitOptions::of(key, algorithm),
        }
    }
}

impl<'a> InitOptions<'a> {
    fn of(key: &'a str, algorithm: KeyAlgorithm) -> Self {
        Self {
            protocol_version: VERSION,
            key_resource_id: key,
            hash_func: hash_function(algorithm),
            rpc_options: RpcOptions::default(),
        }
    }
}

/// The numbers of Go's `crypto.Hash`: the digest that fits the curve, SHA-256 for every other key.
fn hash_function(algorithm: KeyAlgorithm) -> u32 {
    match algorithm {
        KeyAlgorithm::EcdsaP384 => 6,
        KeyAlgorithm::EcdsaP521 => 7,
        KeyAlgorithm::EcdsaP256
        | KeyAlgorithm::Ed25519
        | KeyAlgorithm::Rsa2048
        | KeyAlgorithm::Rsa3072
        | KeyAlgorithm::Rsa4096 => 5,
    }
}

/// Fields that a later plugin adds are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer {
    pub error_message: String,
    pub public_key: Option<PublicKeyAnswer>,
    pub sign_message: Option<SignMessageAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PublicKeyAnswer {
    /// Base64 of PEM.
    #[serde(rename = "publicKeyPEM")]
    pub public_key_pem: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignMessageAnswer {
    /// Base64.
    pub signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_sigstores_library_says() {
        let said = |arguments: &Arguments<'_>| serde_json::to_string(arguments).unwrap();
        assert_eq!(
            said(&Arguments::public_key("keys/release")),
            r#"{"initOptions":{"protocolVersion":"v1","keyResourceID":"keys/release","hashFunc":5,"rpcOptions":{"keyVersion":"","remoteVerification":false}},"methodName":"publicKey","publicKey":{"publicKeyOptions":{"rpcOptions":{"keyVersion":"","remoteVerification":false}}}}"#
        );
        assert_eq!(
            said(&Arguments::sign_message("k", KeyAlgorithm::EcdsaP384)),
            r#"{"initOptions":{"protocolVersion":"v1","keyResourceID":"k","hashFunc":6,"rpcOptions":{"keyVersion":"","remoteVerification":false}},"methodName":"signMessage","signMessage":{"signOptions":{"rpcOptions":{"keyVersion":"","remoteVerification":false},"messageOptions":{"hashFunc":6}}}}"#
        );
    }

    #[test]
    fn answers_are_read_as_sigstores_library_writes_them() {
        let answer: Answer = serde_json::from_str(r#"{"errorMessage":"no such key"}"#).unwrap();
        assert_eq!(answer.error_message, "no such key");
        let answer: Answer = serde_json::from_str(r#"{"signMessage":{"signature":"AA=="},"later":1}"#).unwrap();
        assert_eq!(answer.sign_message.unwrap().signature, "AA==");
    }
}
