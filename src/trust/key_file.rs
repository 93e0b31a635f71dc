//! Key files as cosign writes and reads them.

use std::fmt;

use zeroize::Zeroizing;

use super::key_encryption::{self, Cost};
use super::{KeyError, PrivateKey, pem_block};

const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// cosign before 1.10.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";

/// A private key's file, read but not opened.
pub struct PrivateKeyFile {
    encrypted: bool,
    contents: Zeroizing<Vec<u8>>,
}

/// What `key generate` writes.
pub struct KeyPairFiles {
    /// For cosign and landfall; encrypted.
    pub private_pem: Zeroizing<String>,
    pub public_pem: String,
}

impl PrivateKeyFile {
    /// Reads a key encrypted by cosign or landfall, or one in PKCS#8 without encryption.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        let block = pem_block::read(pem, SIGSTORE)?;
        let encrypted = match block.label.as_str() {
            SIGSTORE | COSIGN => true,
            PKCS8 => false,
            _ => {
                return Err(KeyError::Label {
                    expected: SIGSTORE,
                    found: block.label,
                });
            }
        };
        Ok(Self {
            encrypted,
            contents: block.contents,
        })
    }

    /// Whether opening it takes a password.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Decrypts the key, which takes about 0.1 s and 64 MiB: not on a thread that others wait for. A file without
    /// encryption opens with any password.
    pub fn open(&self, password: &[u8]) -> Result<PrivateKey, KeyError> {
        if self.encrypted {
            PrivateKey::from_pkcs8(&key_encryption::open(&self.contents, password)?)
        } else {
            PrivateKey::from_pkcs8(&self.contents)
        }
    }
}

impl fmt::Debug for PrivateKeyFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrivateKeyFile")
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

/// Makes a key pair, as `cosign generate-key-pair` does. Takes as long as [`PrivateKeyFile::open`].
pub fn generate(password: &[u8]) -> Result<KeyPairFiles, KeyError> {
    encrypt(&PrivateKey::generate()?, password, Cost::Standard)
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
    use sigstore::crypto::signing_key::KeyPair as _;
    use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
    use sigstore::crypto::signing_key::ecdsa::ec::EcdsaKeys;

    use super::*;
    use crate::trust::PublicKey;

    #[test]
    fn a_generated_pair_opens_and_belongs_together() {
        let pair = encrypt(&PrivateKey::generate().unwrap(), b"password", Cost::Legacy).unwrap();
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

    #[test]
    fn the_sigstore_crate_reads_a_generated_pair_and_what_it_writes_is_read() {
        let ours = generate(b"password").unwrap();
        let read = EcdsaKeys::from_encrypted_pem(ours.private_pem.as_bytes(), b"password").unwrap();
        let public_key = PublicKey::from_der(&read.public_key_to_der().unwrap()).unwrap();
        assert_eq!(PublicKey::from_pem(ours.public_pem.as_bytes()).unwrap(), public_key);

        let theirs = EcdsaKeys::new(EllipticCurve::P256).unwrap();
        let private_pem = theirs.private_key_to_encrypted_pem(b"password").unwrap();
        let key = PrivateKeyFile::parse(private_pem.as_bytes()).unwrap().open(b"password");
        let public_pem = theirs.public_key_to_pem().unwrap();
        assert_eq!(
            key.unwrap().public_key(),
            &PublicKey::from_pem(public_pem.as_bytes()).unwrap()
        );
    }

    #[test]
    fn the_label_of_older_cosign_is_read_too() {
        let pair = encrypt(&PrivateKey::generate().unwrap(), b"", Cost::Legacy).unwrap();
        let older = pair.private_pem.replace("SIGSTORE", "COSIGN");
        assert!(PrivateKeyFile::parse(older.as_bytes()).unwrap().open(b"").is_ok());
    }

    #[test]
    fn keys_without_encryption_are_read() {
        let key = PrivateKey::generate().unwrap();
        let pem = pem_block::write(PKCS8, &key.to_pkcs8().unwrap());
        let file = PrivateKeyFile::parse(pem.as_bytes()).unwrap();
        assert!(!file.is_encrypted());
        assert_eq!(file.open(b"").unwrap().public_key(), key.public_key());
    }

    #[test]
    fn other_kinds_of_files_are_refused_with_a_remedy() {
        for (label, remedy) in [
            ("EC PRIVATE KEY", "import-key-pair"),
            ("ENCRYPTED PRIVATE KEY", "openssl pkey"),
            ("PUBLIC KEY", "expected `ENCRYPTED SIGSTORE PRIVATE KEY`"),
        ] {
            let error = PrivateKeyFile::parse(pem_block::write(label, b"x").as_bytes()).unwrap_err();
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_key_on_another_curve_is_refused_by_name() {
        let der = EcdsaKeys::new(EllipticCurve::P384)
            .unwrap()
            .private_key_to_der()
            .unwrap();
        let file = PrivateKeyFile::parse(pem_block::write(PKCS8, &der).as_bytes()).unwrap();
        assert_eq!(
            file.open(b"").unwrap_err(),
            KeyError::Algorithm {
                algorithm: "ECDSA P-384"
            }
        );
    }
}
