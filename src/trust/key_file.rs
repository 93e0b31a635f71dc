//! Key files as cosign writes and reads them.

use std::fmt;

use zeroize::Zeroizing;

use super::key_encryption::{self, Cost};
use super::{KeyAlgorithm, KeyError, PrivateKey, pem_block};

const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// cosign before 1.10.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// A private key's file, read but not opened.
pub struct PrivateKeyFile {
    encoding: Encoding,
    contents: Zeroizing<Vec<u8>>,
}

/// How a private key's file holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As cosign and landfall write it.
    Encrypted,
    /// RFC 5958, any algorithm.
    Pkcs8,
    /// RFC 5915, ECDSA.
    Sec1,
    /// RFC 8017, RSA.
    Pkcs1,
}

/// What `key generate` writes.
pub struct KeyPairFiles {
    /// For cosign and landfall; encrypted.
    pub private_pem: Zeroizing<String>,
    pub public_pem: String,
}

impl PrivateKeyFile {
    /// Reads a key encrypted by cosign or landfall, or one without encryption of those that `cosign import-key-pair` takes.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        let block = pem_block::read(pem, SIGSTORE)?;
        let encoding = match block.label.as_str() {
            SIGSTORE | COSIGN => Encoding::Encrypted,
            PKCS8 => Encoding::Pkcs8,
            SEC1 => Encoding::Sec1,
            PKCS1 => Encoding::Pkcs1,
            _ => {
                return Err(KeyError::Label {
                    expected: SIGSTORE,
                    found: block.label,
                });
            }
        };
        Ok(Self {
            encoding,
            contents: block.contents,
        })
    }

    /// Whether opening it takes a password.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encoding == Encoding::Encrypted
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Decrypts the key, which takes about 0.1 s and 64 MiB: not on a thread that others wait for. A file without
    /// encryption opens with any password.
    pub fn open(&self, password: &[u8]) -> Result<PrivateKey, KeyError> {
        match self.encoding {
            Encoding::Encrypted => PrivateKey::from_pkcs8(&key_encryption::open(&self.contents, password)?),
            Encoding::Pkcs8 => PrivateKey::from_pkcs8(&self.contents),
            Encoding::Sec1 => PrivateKey::from_sec1(&self.contents),
            Encoding::Pkcs1 => PrivateKey::from_pkcs1(&self.contents),
        }
    }
}

impl fmt::Debug for PrivateKeyFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrivateKeyFile")
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

/// Makes a key pair, as `cosign generate-key-pair` does. Takes as long as [`PrivateKeyFile::open`].
pub fn generate(password: &[u8]) -> Result<KeyPairFiles, KeyError> {
    generate_as(KeyAlgorithm::EcdsaP256, password)
}

/// Makes a key pair of any kind. RSA takes seconds.
pub fn generate_as(algorithm: KeyAlgorithm, password: &[u8]) -> Result<KeyPairFiles, KeyError> {
    encrypt(&PrivateKey::generate_as(algorithm)?, password, Cost::Standard)
}

fn encrypt(key: &PrivateKey, password: &[u8], cost: Cost) -> Result<KeyPairFiles, KeyError> {
    let sealed = key_encryption::seal(&key.to_pkcs8()?, password, cost)?;
    Ok(KeyPairFiles {
        private_pem: Zeroizing::new(pem_block::write(SIGSTORE, &sealed)),
        public_pem: key.public_key().to_pem(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::PublicKey;

    /// The same keys as cosign 3.1.3 encrypted and openssl wrote them.
    fn made(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/testdata/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn a_generated_pair_opens_and_belongs_together() {
        for algorithm in KeyAlgorithm::ALL {
            let pair = encrypt(&PrivateKey::generate_as(algorithm).unwrap(), b"password", Cost::Legacy).unwrap();
            let file = PrivateKeyFile::parse(pair.private_pem.as_bytes()).unwrap();
            assert!(file.is_encrypted());
            let key = file.open(b"password").unwrap();
            assert_eq!(
                key.public_key(),
                &PublicKey::from_pem(pair.public_pem.as_bytes()).unwrap()
            );
            assert_eq!(
                file.open(b"wrong").unwrap_err().to_string(),
                "the password does not open the key"
            );
        }
    }

    #[test]
    fn keys_of_cosigns_are_read_in_every_form_that_cosign_imports() {
        for (name, algorithm, encodings) in [
            ("p256", KeyAlgorithm::EcdsaP256, &["pkcs8", "sec1"][..]),
            ("p384", KeyAlgorithm::EcdsaP384, &["pkcs8", "sec1"]),
            ("p521", KeyAlgorithm::EcdsaP521, &["pkcs8", "sec1"]),
            ("ed25519", KeyAlgorithm::Ed25519, &["pkcs8"]),
            ("rsa2048", KeyAlgorithm::Rsa2048, &["pkcs8", "pkcs1"]),
        ] {
            let public_key = PublicKey::from_pem(&made(&format!("cosign-{name}.pub"))).unwrap();
            assert_eq!(public_key.algorithm(), algorithm);
            let file = PrivateKeyFile::parse(&made(&format!("cosign-{name}.key"))).unwrap();
            assert!(file.is_encrypted());
            let key = file.open(b"password").unwrap();
            assert_eq!(*key.public_key(), public_key);
            assert!(public_key.verify(b"message", &key.sign(b"message").unwrap()));
            for encoding in encodings {
                let file = PrivateKeyFile::parse(&made(&format!("openssl-{name}.{encoding}.pem"))).unwrap();
                assert!(!file.is_encrypted());
                assert_eq!(*file.open(b"").unwrap().public_key(), public_key, "{name} {encoding}");
            }
        }
    }

    #[test]
    fn the_label_of_older_cosign_is_read_too() {
        let pair = encrypt(&PrivateKey::generate().unwrap(), b"", Cost::Legacy).unwrap();
        let older = pair.private_pem.replace("SIGSTORE", "COSIGN");
        assert!(PrivateKeyFile::parse(older.as_bytes()).unwrap().open(b"").is_ok());
    }

    #[test]
    fn other_kinds_of_files_are_refused_with_a_remedy() {
        for (name, remedy) in [
            ("openssl-p256.encrypted.pem", "openssl pkey"),
            ("openssl-rsa2048.encrypted.pem", "openssl pkey"),
            ("cosign-p256.pub", "expected `ENCRYPTED SIGSTORE PRIVATE KEY`"),
        ] {
            let error = PrivateKeyFile::parse(&made(name)).unwrap_err();
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_key_under_the_label_of_another_encoding_is_refused() {
        let key = PrivateKey::generate().unwrap().to_pkcs8().unwrap();
        for label in [SEC1, PKCS1] {
            let file = PrivateKeyFile::parse(pem_block::write(label, &key).as_bytes()).unwrap();
            assert!(matches!(file.open(b""), Err(KeyError::Malformed(_))), "{label}");
        }
    }
}
