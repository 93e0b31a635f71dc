//! Where passwords come from. They never stand in Git, nor in a log, nor in an error.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{env, fmt};

use thiserror::Error;
use zeroize::Zeroizing;

/// A password file is read up to here, in bytes.
const FILE_LIMIT: u64 = 4 << 10;

/// A password, wiped when it is dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

/// Where a password is looked up when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The file's content without one newline at its end.
    File(PathBuf),
    /// The first of [`PasswordSource::VARIABLES`] that is set.
    Environment,
    Given(Password),
}

/// Why there is no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PasswordError {
    #[error("the password file {path} cannot be read: {reason}", path = .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("the password file {path} has more than {FILE_LIMIT} bytes", path = .path.display())]
    TooLarge { path: PathBuf },
    #[error("no password: neither {} is set", PasswordSource::VARIABLES.join(" nor "))]
    Unset,
}

impl Password {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Password {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

impl PasswordSource {
    /// landfall's own, then the one that cosign takes. An empty value is an empty password, as for cosign.
    pub const VARIABLES: [&str; 2] = ["LANDFALL_KEY_PASSWORD", "COSIGN_PASSWORD"];

    /// Reads the password. Blocks on the file.
    pub fn read(&self) -> Result<Password, PasswordError> {
        self.read_from(|name| env::var_os(name))
    }

    fn read_from(&self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Password, PasswordError> {
        match self {
            Self::Given(password) => Ok(password.clone()),
            Self::File(path) => from_file(path),
            Self::Environment => Self::VARIABLES
                .iter()
                .find_map(|name| environment(name))
                .map(|value| Password::from(value.into_encoded_bytes()))
                .ok_or(PasswordError::Unset),
        }
    }
}

fn from_file(path: &Path) -> Result<Password, PasswordError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| PasswordError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(PasswordError::TooLarge { path: path.to_owned() });
    }
    let end = bytes
        .strip_suffix(b"\r\n")
        .or_else(|| bytes.strip_suffix(b"\n"))
        .map_or(bytes.len(), <[u8]>::len);
    bytes.truncate(end);
    Ok(Password(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> Result<Password, PasswordError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, content).unwrap();
        PasswordSource::File(path).read()
    }

    #[test]
    fn one_newline_at_the_end_of_a_file_is_no_part_of_the_password() {
        for (content, password) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", "")] {
            assert_eq!(file(content).unwrap().as_bytes(), password.as_bytes());
        }
    }

    #[test]
    fn a_file_that_is_no_password_file_is_refused() {
        assert!(matches!(file(&"x".repeat(5_000)), Err(PasswordError::TooLarge { .. })));
        let missing = PasswordSource::File("/nonexistent/password".into()).read();
        assert!(matches!(missing, Err(PasswordError::Unreadable { .. })));
    }

    #[test]
    fn landfalls_variable_goes_before_cosigns() {
        let both = |name: &str| Some(OsString::from(name));
        let source = PasswordSource::Environment;
        assert_eq!(source.read_from(both).unwrap().as_bytes(), b"LANDFALL_KEY_PASSWORD");
        let cosign = |name: &str| (name == "COSIGN_PASSWORD").then(OsString::new);
        assert_eq!(source.read_from(cosign).unwrap().as_bytes(), b"");
        let error = source.read_from(|_| None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no password: neither LANDFALL_KEY_PASSWORD nor COSIGN_PASSWORD is set"
        );
    }

    #[test]
    fn a_password_never_shows_itself() {
        let source = PasswordSource::Given(Password::from(b"secret".to_vec()));
        assert_eq!(format!("{source:?}"), "Given(Password(..))");
    }
}
