//! One signer whose key is behind a plugin.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use super::protocol::Arguments;
use super::{PluginError, program};
use crate::model::Signer;
use crate::trust::PublicKey;

/// So many programs run at once for one signer.
const AT_ONCE: usize = 16;

/// Where a signer's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSource {
    pub program: PathBuf,
    /// As the plugin names it; what `sigstore-kms-NAME` is given for `NAME://KEY`.
    pub key: String,
}

#[derive(Debug)]
pub(in crate::signing) struct PluginSigner {
    source: PluginSource,
    turns: Semaphore,
}

impl PluginSigner {
    pub fn new(source: PluginSource) -> Self {
        Self {
            source,
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Asks for the public key, and compares it with the one in Git; nothing is signed.
    pub async fn check(&self, signer: &Signer) -> Result<(), PluginError> {
        let expected = expected(signer)?;
        let answer = self.call(&Arguments::public_key(&self.source.key), &[]).await?;
        let answer = answer.public_key.ok_or_else(|| self.answer("it holds no public key"))?;
        let pem = self.decode(&answer.public_key_pem)?;
        let found = PublicKey::from_pem(&pem).map_err(|error| PluginError::Key {
            program: self.source.program.clone(),
            key: self.source.key.clone(),
            error,
        })?;
        if found == expected {
            return Ok(());
        }
        Err(PluginError::Mismatch {
            program: self.source.program.clone(),
            key: self.source.key.clone(),
            found: found.fingerprint(),
            expected: expected.fingerprint(),
        })
    }

    pub async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, PluginError> {
        let expected = expected(signer)?;
        let arguments = Arguments::sign_message(&self.source.key, expected.algorithm());
        let answer = self.call(&arguments, message).await?;
        let answer = answer
            .sign_message
            .ok_or_else(|| self.answer("it holds no signature"))?;
        let signature = self.decode(&answer.signature)?;
        if expected.verify(message, &signature) {
            return Ok(signature);
        }
        // The key may be another one; that one is named.
        self.check(signer).await?;
        Err(self.answer("its signature does not verify with the signer's public key"))
    }

    async fn call(&self, arguments: &Arguments<'_>, message: &[u8]) -> Result<super::protocol::Answer, PluginError> {
        let _turn = self.turns.acquire().await;
        program::call(&self.source.program, arguments, message).await
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, PluginError> {
        STANDARD
            .decode(text)
            .map_err(|error| self.answer(&format!("not base64: {error}")))
    }

    fn answer(&self, reason: &str) -> PluginError {
        PluginError::Answer {
            program: self.source.program.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn expected(signer: &Signer) -> Result<PublicKey, PluginError> {
    PublicKey::from_pem(signer.key.pem.as_bytes()).map_err(PluginError::PublicKey)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;
    use crate::model::SignatureForm;
    use crate::trust::PrivateKey;

    /// A plugin that says what it is told to, whatever it is asked; and keeps what it was asked.
    struct Plugin {
        folder: TempDir,
    }

    impl Plugin {
        fn saying(answer: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("sigstore-kms-test");
            let script = format!(
                "#!/bin/sh\nprintf '%s' \"$1 $2\" > \"$0.asked\"\ncat > \"$0.message\"\necho for people >&2\ncat <<'END'\n{answer}\nEND\nexit 1\n"
            );
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            Self { folder }
        }

        fn signer(&self) -> PluginSigner {
            PluginSigner::new(PluginSource {
                program: self.folder.path().join("sigstore-kms-test"),
                key: "keys/release".to_owned(),
            })
        }

        fn kept(&self, name: &str) -> String {
            std::fs::read_to_string(self.folder.path().join(format!("sigstore-kms-test.{name}"))).unwrap()
        }
    }

    fn signer(key: &PrivateKey) -> Signer {
        Signer {
            name: "release".into(),
            key: key.public_key().to_signer_key(),
            previous: Vec::new(),
            formats: vec![SignatureForm::Bundle],
        }
    }

    #[tokio::test]
    async fn a_plugin_is_asked_as_sigstores_library_asks_and_its_signature_is_taken() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign(b"message").unwrap();
        let plugin = Plugin::saying(&format!(
            r#"{{"signMessage":{{"signature":"{}"}}}}"#,
            STANDARD.encode(&signature)
        ));
        assert_eq!(plugin.signer().sign(&signer(&key), b"message").await, Ok(signature));
        assert_eq!(plugin.kept("message"), "message");
        assert!(plugin.kept("asked").starts_with(r#"v1 {"initOptions":"#));
    }

    #[tokio::test]
    async fn a_key_that_is_not_the_one_in_git_is_named() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let pem = STANDARD.encode(key.public_key().to_pem());
        let signature = STANDARD.encode(key.sign(b"message").unwrap());
        let plugin = Plugin::saying(&format!(
            r#"{{"publicKey":{{"publicKeyPEM":"{pem}"}},"signMessage":{{"signature":"{signature}"}}}}"#
        ));
        assert_eq!(plugin.signer().check(&signer(&key)).await, Ok(()));
        for refused in [
            plugin.signer().check(&signer(&other)).await.err(),
            plugin.signer().sign(&signer(&other), b"message").await.err(),
        ] {
            assert!(matches!(refused, Some(PluginError::Mismatch { .. })), "{refused:?}");
        }
        // The key is the right one, and what it signed is something else.
        let refused = plugin.signer().sign(&signer(&key), b"another").await;
        assert!(matches!(refused, Err(PluginError::Answer { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn what_a_plugin_cannot_do_is_an_error_that_says_what() {
        let key = PrivateKey::generate().unwrap();
        for (answer, expected) in [
            (r#"{"errorMessage":"permission denied"}"#, "refuses: permission denied"),
            ("no JSON", "it ended with"),
            ("{}", "holds no signature"),
            (r#"{"signMessage":{"signature":"*"}}"#, "not base64"),
        ] {
            let error = Plugin::saying(answer)
                .signer()
                .sign(&signer(&key), b"m")
                .await
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let missing = PluginSigner::new(PluginSource {
            program: "/nonexistent/sigstore-kms-test".into(),
            key: String::new(),
        });
        let error = missing.sign(&signer(&key), b"m").await.unwrap_err();
        assert!(matches!(error, PluginError::NotStarted { .. }), "{error:?}");
        assert!(error.of("release").help.unwrap().contains("[signers.release]"));
    }
}
