//! `landfall key generate`: making keys.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::error::KeyCommandError;
use super::password;
use crate::trust::{KeyAlgorithm, KeyPairFiles, key_file};

/// Makes a key pair, the private key encrypted as cosign does
///
/// The password is that of --password-file, else of LANDFALL_KEY_PASSWORD, else of COSIGN_PASSWORD, else it is asked
/// for. No file is ever overwritten.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// Write PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "landfall")]
    output_key_prefix: PathBuf,
    /// Which kind of key: what cosign generates by itself is ecdsa-p256
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = KeyType::EcdsaP256)]
    key_type: KeyType,
    /// Read the password from this file; one newline at its end is no part of it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyType {
    EcdsaP256,
    /// `cosign verify` wants --signature-digest-algorithm=sha384 for it
    EcdsaP384,
    /// `cosign verify` wants --signature-digest-algorithm=sha512 for it
    EcdsaP521,
    Ed25519,
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
}

impl KeyType {
    const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::EcdsaP256 => KeyAlgorithm::EcdsaP256,
            Self::EcdsaP384 => KeyAlgorithm::EcdsaP384,
            Self::EcdsaP521 => KeyAlgorithm::EcdsaP521,
            Self::Ed25519 => KeyAlgorithm::Ed25519,
            Self::Rsa2048 => KeyAlgorithm::Rsa2048,
            Self::Rsa3072 => KeyAlgorithm::Rsa3072,
            Self::Rsa4096 => KeyAlgorithm::Rsa4096,
        }
    }
}

impl Generate {
    /// Nothing is half-written.
    pub(super) fn run(&self, output: &mut dyn Write) -> Result<(), KeyCommandError> {
        let [private_key, public_key] = [".key", ".pub"].map(|suffix| {
            let mut path = OsString::from(&self.output_key_prefix);
            path.push(suffix);
            PathBuf::from(path)
        });
        // Before anybody is asked for a password; creating the files makes sure of it.
        if let Some(path) = [&private_key, &public_key].into_iter().find(|path| path.exists()) {
            return Err(KeyCommandError::Exists { path: path.clone() });
        }
        let password = password::new(self.password_file.as_deref())?;
        let algorithm = self.key_type.algorithm();
        let pair = key_file::generate_as(algorithm, password.as_bytes()).map_err(KeyCommandError::Made)?;
        write(&pair, &private_key, &public_key)?;
        let verifiers = match algorithm.cosign_flag() {
            Some(flag) => format!("Whoever verifies with `cosign verify` has to add {flag}\n"),
            None => String::new(),
        };
        write!(
            output,
            "Private key written to {}: name it in config.toml, keep it out of Git\n\
             Public key written to {}: commit it below keys/, name it in landfall.toml\n{verifiers}",
            private_key.display(),
            public_key.display()
        )
        .map_err(KeyCommandError::Output)
    }
}

/// Both files or none.
fn write(pair: &KeyPairFiles, private_key: &Path, public_key: &Path) -> Result<(), KeyCommandError> {
    let mut private_key = NewFile::create(private_key, 0o600)?;
    let mut public_key = NewFile::create(public_key, 0o644)?;
    private_key.write(pair.private_pem.as_bytes())?;
    public_key.write(pair.public_pem.as_bytes())?;
    private_key.complete = true;
    public_key.complete = true;
    Ok(())
}

/// A file that this command made; taken away again unless all was written.
struct NewFile<'a> {
    path: &'a Path,
    file: File,
    complete: bool,
}

impl<'a> NewFile<'a> {
    #[cfg_attr(not(unix), expect(unused_variables, reason = "modes are Unix's"))]
    fn create(path: &'a Path, mode: u32) -> Result<Self, KeyCommandError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        match options.open(path) {
            Ok(file) => Ok(Self {
                path,
                file,
                complete: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeyCommandError::Exists { path: path.to_owned() })
            }
            Err(error) => Err(KeyCommandError::Write {
                path: path.to_owned(),
                error,
            }),
        }
    }

    fn write(&mut self, content: &[u8]) -> Result<(), KeyCommandError> {
        self.file
            .write_all(content)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| KeyCommandError::Write {
                path: self.path.to_owned(),
                error,
            })
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.complete {
            // It holds no key that anybody was told of.
            let _ = fs::remove_file(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::trust::{PrivateKeyFile, PublicKey};

    fn generate(folder: &TempDir) -> Result<(), KeyCommandError> {
        let password = folder.path().join("password");
        fs::write(&password, "password\n").unwrap();
        Generate {
            output_key_prefix: folder.path().join("release"),
            key_type: KeyType::EcdsaP256,
            password_file: Some(password),
        }
        .run(&mut Vec::new())
    }

    #[test]
    fn a_pair_is_written_that_belongs_together_and_the_private_key_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        generate(&folder).unwrap();
        let read = |name| fs::read(folder.path().join(name)).unwrap();
        let key = PrivateKeyFile::parse(&read("release.key")).unwrap().open(b"password");
        assert_eq!(
            key.unwrap().public_key(),
            &PublicKey::from_pem(&read("release.pub")).unwrap()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join("release.key"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left_behind() {
        for existing in ["release.key", "release.pub"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(existing), "precious").unwrap();
            let error = generate(&folder).unwrap_err();
            assert!(matches!(error, KeyCommandError::Exists { .. }), "{error}");
            assert_eq!(fs::read(folder.path().join(existing)).unwrap(), b"precious");
            let left = fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(left, 2, "{existing} and the password file");
        }
    }

    #[test]
    fn without_a_password_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let generate = Generate {
            output_key_prefix: folder.path().join("release"),
            key_type: KeyType::Ed25519,
            password_file: Some(folder.path().join("missing")),
        };
        assert!(matches!(
            generate.run(&mut Vec::new()),
            Err(KeyCommandError::Password(_))
        ));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
