//! Signers whose keys are files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{KeyFileError, Password, PasswordSource, Signers, SigningError};
use crate::model::Signer;
use crate::trust::{LIMITS, PrivateKey, PrivateKeyFile, PublicKey};

/// Where a signer's private key is, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFileSource {
    pub private_key: PathBuf,
    /// Not looked up for a key that is not encrypted.
    pub password: PasswordSource,
}

/// Signs with key files, by the signers' names. A file is read and decrypted when its signer first signs, once.
#[derive(Default)]
pub struct KeyFileSigners {
    signers: BTreeMap<String, KeyFileSigner>,
}

struct KeyFileSigner {
    source: Arc<KeyFileSource>,
    key: OnceCell<PrivateKey>,
}

impl KeyFileSigners {
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = (String, KeyFileSource)>) -> Self {
        let signer = |source| KeyFileSigner {
            source: Arc::new(source),
            key: OnceCell::new(),
        };
        Self {
            signers: sources
                .into_iter()
                .map(|(name, source)| (name, signer(source)))
                .collect(),
        }
    }

    /// Opens a signer's key as signing would, without signing anything.
    ///
    /// # Errors
    /// Whatever would keep it from signing.
    pub async fn check(&self, signer: &Signer) -> Result<(), SigningError> {
        match self.key_of(signer).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.of(&signer.name)),
        }
    }

    /// A signer's key, and the file that it is in.
    async fn key_of(&self, signer: &Signer) -> Result<(&PrivateKey, &Path), KeyFileError> {
        let configured = self.signers.get(&*signer.name).ok_or(KeyFileError::Unconfigured)?;
        // Every time: a commit may have named another public key since the file was opened.
        let expected = PublicKey::from_pem(signer.key.pem.as_bytes()).map_err(KeyFileError::PublicKey)?;
        let key = configured.key.get_or_try_init(|| configured.load(&signer.name)).await?;
        let path = &configured.source.private_key;
        if *key.public_key() != expected {
            return Err(KeyFileError::Mismatch {
                path: path.clone(),
                found: key.public_key().fingerprint(),
                expected: expected.fingerprint(),
            });
        }
        Ok((key, path))
    }

    async fn sign_with(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, KeyFileError> {
        let (key, path) = self.key_of(signer).await?;
        key.sign(message).map_err(|error| KeyFileError::Key {
            path: path.to_owned(),
            error,
        })
    }
}

impl KeyFileSigner {
    async fn load(&self, name: &str) -> Result<PrivateKey, KeyFileError> {
        let source = Arc::clone(&self.source);
        let key =
            tokio::task::spawn_blocking(move || open(&source))
                .await
                .map_err(|_| KeyFileError::Interrupted {
                    path: self.source.private_key.clone(),
                })??;
        tracing::info!(signer = name, key = %key.public_key().fingerprint(), "key file opened");
        Ok(key)
    }
}

impl Signers for KeyFileSigners {
    async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.sign_with(signer, message)
            .await
            .map_err(|error| error.of(&signer.name))
    }
}

impl fmt::Debug for KeyFileSigners {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.signers.iter().map(|(name, signer)| (name, &signer.source)))
            .finish()
    }
}

/// Reads and decrypts a key file; takes about 0.1 s.
fn open(source: &KeyFileSource) -> Result<PrivateKey, KeyFileError> {
    let path = &source.private_key;
    let refused = |error| KeyFileError::Key {
        path: path.clone(),
        error,
    };
    let file = PrivateKeyFile::parse(&read(path)?).map_err(refused)?;
    let password = if file.is_encrypted() {
        source.password.read().map_err(|error| KeyFileError::Password {
            path: path.clone(),
            error,
        })?
    } else {
        Password::from(Vec::new())
    };
    file.open(password.as_bytes()).map_err(refused)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMITS.key_file + 1));
    File::open(path)
        .and_then(|file| file.take(LIMITS.key_file as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| KeyFileError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::model::{Digest, SignatureForm, SignerIdentity, SignerKey};
    use crate::trust::{KeyError, KeyPairFiles, key_file};

    /// A key file in a folder of its own.
    struct Fixture {
        folder: TempDir,
        pair: KeyPairFiles,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pair = key_file::generate(b"password").unwrap();
            std::fs::write(folder.path().join("a.key"), pair.private_pem.as_bytes()).unwrap();
            Self { folder, pair }
        }

        fn signers(&self, password: &str) -> KeyFileSigners {
            let source = KeyFileSource {
                private_key: self.folder.path().join("a.key"),
                password: PasswordSource::Given(Password::from(password.as_bytes().to_vec())),
            };
            KeyFileSigners::new([("release".to_owned(), source)])
        }

        fn public_key(&self) -> PublicKey {
            PublicKey::from_pem(self.pair.public_pem.as_bytes()).unwrap()
        }
    }

    fn signer(name: &str, public_key: &str) -> Signer {
        Signer {
            name: name.into(),
            key: SignerKey {
                pem: public_key.into(),
                identity: SignerIdentity::Key(Digest::of(public_key.as_bytes())),
            },
            previous: Vec::new(),
            formats: vec![SignatureForm::Bundle],
        }
    }

    #[tokio::test]
    async fn a_key_file_signs_for_its_signer_and_is_opened_once() {
        let fixture = Fixture::new();
        let signers = fixture.signers("password");
        let release = signer("release", &fixture.pair.public_pem);
        let signature = signers.sign(&release, b"message").await.unwrap();
        assert!(fixture.public_key().verify(b"message", &signature));

        std::fs::remove_file(fixture.folder.path().join("a.key")).unwrap();
        assert!(signers.sign(&release, b"message").await.is_ok());

        let other = PrivateKey::generate().unwrap();
        let error = signers
            .sign_with(&signer("release", &other.public_key().to_pem()), b"message")
            .await
            .unwrap_err();
        assert_eq!(
            error,
            KeyFileError::Mismatch {
                path: fixture.folder.path().join("a.key"),
                found: fixture.public_key().fingerprint(),
                expected: other.public_key().fingerprint(),
            }
        );
    }

    #[tokio::test]
    async fn a_check_says_what_signing_would_say() {
        let fixture = Fixture::new();
        let release = signer("release", &fixture.pair.public_pem);
        assert_eq!(fixture.signers("password").check(&release).await, Ok(()));
        let other = PrivateKey::generate().unwrap().public_key().to_pem();
        for (password, signer) in [
            ("wrong", release.clone()),
            ("password", signer("release", &other)),
            ("password", signer("other", &other)),
        ] {
            let checked = fixture.signers(password).check(&signer).await.unwrap_err();
            let signed = fixture.signers(password).sign(&signer, b"message").await.unwrap_err();
            assert_eq!(checked, signed);
        }
    }

    #[tokio::test]
    async fn a_wrong_password_is_an_error_that_says_where_it_came_from() {
        let fixture = Fixture::new();
        let error = fixture
            .signers("wrong secret")
            .sign(&signer("release", &fixture.pair.public_pem), b"message")
            .await
            .unwrap_err();
        assert!(error.message.ends_with("the password does not open the key"), "{error}");
        assert!(error.help.as_deref().unwrap().contains("password-file"));
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[tokio::test]
    async fn what_is_not_configured_or_not_there_is_named() {
        let public_key = PrivateKey::generate().unwrap().public_key().to_pem();
        let source = KeyFileSource {
            private_key: "/nonexistent/release.key".into(),
            password: PasswordSource::Environment,
        };
        let signers = KeyFileSigners::new([("release".to_owned(), source)]);
        let refused = async |name, public_key: &str| {
            signers
                .sign_with(&signer(name, public_key), b"message")
                .await
                .unwrap_err()
        };
        assert_eq!(refused("other", &public_key).await, KeyFileError::Unconfigured);
        assert!(matches!(
            refused("release", &public_key).await,
            KeyFileError::Unreadable { .. }
        ));
        assert!(matches!(
            refused("release", "no key").await,
            KeyFileError::PublicKey(KeyError::NotPem { .. })
        ));
    }
}
