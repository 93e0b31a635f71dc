//! A key file that is there, of whichever kind.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::error::KeyCommandError;
use super::password;
use crate::trust::{Encoding, KeyError, LIMITS, PrivateKey, PrivateKeyFile, PublicKey};

/// What a file holds.
pub(super) enum FoundKey {
    Private { key: Box<PrivateKey>, encoding: Encoding },
    Public(PublicKey),
}

impl FoundKey {
    /// Reads a key file; a password is looked for where one is needed.
    pub(super) fn read(path: &Path, password_file: Option<&Path>) -> Result<Self, KeyCommandError> {
        let bytes = read(path)?;
        let refused = |error| KeyCommandError::Key {
            path: path.to_owned(),
            error,
        };
        let file = match PrivateKeyFile::parse(&bytes) {
            Ok(file) => file,
            // Another kind of block than a private key: one of a public key, or neither.
            Err(KeyError::Label { found, .. }) if found.ends_with("PUBLIC KEY") => {
                return PublicKey::from_pem(&bytes).map(Self::Public).map_err(refused);
            }
            Err(error) => return Err(refused(error)),
        };
        let key = if file.is_encrypted() {
            file.open(password::of(path, password_file)?.as_bytes())
        } else {
            file.open(&[])
        };
        Ok(Self::Private {
            key: Box::new(key.map_err(refused)?),
            encoding: file.encoding(),
        })
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        match self {
            Self::Private { key, .. } => key.public_key(),
            Self::Public(key) => key,
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyCommandError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMITS.key_file + 1));
    File::open(path)
        .and_then(|file| file.take(LIMITS.key_file as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| KeyCommandError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
    Ok(bytes)
}
