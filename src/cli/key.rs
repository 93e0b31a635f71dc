//! `landfall key`: making keys.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use miette::IntoDiagnostic as _;
use thiserror::Error;

use super::{ExitCode, WithExitCode as _};
use crate::signing::{Password, PasswordError, PasswordSource};
use crate::trust::{KeyError, KeyPairFiles, key_file};

/// Makes keys that landfall and cosign sign with
#[derive(Debug, Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Generate(Generate),
}

/// Makes an ECDSA P-256 key pair, the private key encrypted as cosign does
///
/// The password is that of --password-file, else of LANDFALL_KEY_PASSWORD, else of COSIGN_PASSWORD, else it is asked
/// for. No file is ever overwritten.
#[derive(Debug, Args)]
struct Generate {
    /// Write PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "landfall")]
    output_key_prefix: PathBuf,
    /// Read the password from this file; one newline at its end is no part of it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Why no key was made.
#[derive(Debug, Error)]
pub enum KeyCommandError {
    #[error("{path} is there already and is not overwritten: choose another --output-key-prefix", path = .path.display())]
    Exists { path: PathBuf },
    #[error("{path} cannot be written: {error}", path = .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Password(PasswordError),
    #[error(
        "no password: give --password-file, set {}, or run this on a terminal",
        PasswordSource::VARIABLES.join(" or ")
    )]
    NoPassword,
    #[error("the password cannot be asked for: {0}")]
    Terminal(io::Error),
    #[error("the two passwords differ: nothing was written")]
    PasswordsDiffer,
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("the answer cannot be written: {0}")]
    Output(io::Error),
}

impl KeyCommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Exists { .. } | Self::Password(_) | Self::NoPassword | Self::PasswordsDiffer => ExitCode::Invalid,
            Self::Write { .. } | Self::Terminal(_) | Self::Key(_) | Self::Output(_) => ExitCode::Failed,
        }
    }
}

impl KeyCommand {
    /// # Errors
    /// Where no key was made; nothing is half-written.
    pub fn run(self) -> miette::Result<ExitCode> {
        let made = match self.action {
            Action::Generate(generate) => generate.run(),
        };
        match made {
            Ok(()) => Ok(ExitCode::AsDesired),
            Err(error) => {
                let code = error.exit_code();
                Err(error).into_diagnostic().with_exit_code(code)
            }
        }
    }
}

impl Generate {
    fn run(&self) -> Result<(), KeyCommandError> {
        let [private_key, public_key] = [".key", ".pub"].map(|suffix| {
            let mut path = OsString::from(&self.output_key_prefix);
            path.push(suffix);
            PathBuf::from(path)
        });
        // Before anybody is asked for a password; creating the files makes sure of it.
        if let Some(path) = [&private_key, &public_key].into_iter().find(|path| path.exists()) {
            return Err(KeyCommandError::Exists { path: path.clone() });
        }
        let pair = key_file::generate(self.password()?.as_bytes())?;
        write(&pair, &private_key, &public_key)?;
        writeln!(
            super::Output::stdout(super::guard::Dialect::Text { colours: false }),
            "Private key written to {}: name it in config.toml, keep it out of Git\n\
             Public key written to {}: commit it below keys/, name it in landfall.toml",
            private_key.display(),
            public_key.display()
        )
        .map_err(KeyCommandError::Output)
    }

    fn password(&self) -> Result<Password, KeyCommandError> {
        if let Some(path) = &self.password_file {
            return PasswordSource::File(path.clone())
                .read()
                .map_err(KeyCommandError::Password);
        }
        match PasswordSource::Environment.read() {
            Ok(password) => Ok(password),
            Err(PasswordError::Unset) if io::stdin().is_terminal() => ask(),
            Err(PasswordError::Unset) => Err(KeyCommandError::NoPassword),
            Err(error) => Err(KeyCommandError::Password(error)),
        }
    }
}

fn ask() -> Result<Password, KeyCommandError> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(|password| Password::from(password.into_bytes()))
            .map_err(KeyCommandError::Terminal)
    };
    let password = ask("Password for the private key: ")?;
    if ask("The same once more: ")? != password {
        return Err(KeyCommandError::PasswordsDiffer);
    }
    Ok(password)
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
            password_file: Some(password),
        }
        .run()
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
            password_file: Some(folder.path().join("missing")),
        };
        assert!(matches!(generate.run(), Err(KeyCommandError::Password(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
