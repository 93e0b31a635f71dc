//! The private keys that this process holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::credential::secret_source;
use super::file::SignerKeys;
use super::{ConfigError, Environment, Secret, SecretSource};

/// A signer's private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SignerKeys", rename_all = "kebab-case")]
pub struct SignerSettings {
    pub private_key: PathBuf,
    /// Without one the key's password is empty.
    pub password: Option<SecretSource>,
}

impl SignerSettings {
    pub(super) fn based_at(&self, folder: &Path) -> Self {
        Self {
            private_key: folder.join(&self.private_key),
            password: self.password.as_ref().map(|source| source.based_at(folder)),
        }
    }

    /// Reads the password of the signer that is called `name`.
    ///
    /// # Errors
    /// Those of [`SecretSource::read`].
    pub fn password(&self, name: &str, environment: &Environment) -> Result<Option<Secret>, ConfigError> {
        self.password
            .as_ref()
            .map(|source| source.read(&format!("the password of signer `{name}`"), environment))
            .transpose()
    }
}

impl TryFrom<SignerKeys> for SignerSettings {
    type Error = &'static str;

    fn try_from(keys: SignerKeys) -> Result<Self, Self::Error> {
        Ok(Self {
            private_key: keys.private_key,
            password: secret_source(keys.password_file, keys.password_env)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::testing::{environment, parse};

    #[test]
    fn a_signers_files_are_found_from_the_configuration_and_its_password_when_it_signs() {
        let config = parse("[signers.a]\nprivate-key = 'a.key'\npassword-env = 'A'").unwrap();
        let signer = &config.signers["a"];
        assert_eq!(signer.private_key, Path::new("/etc/landfall/a.key"));
        let password = signer
            .password("a", &environment(&[("A", "hunter2")]))
            .unwrap()
            .unwrap();
        assert_eq!(password.expose(), "hunter2");
        let error = signer.password("a", &environment(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the password of signer `a`: the environment variable A is not set"
        );
    }

    #[test]
    fn a_signer_has_one_password() {
        let text = "[signers.a]\nprivate-key = 'a.key'\npassword-env = 'A'\npassword-file = 'a'";
        let error = parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with("/etc/landfall/config.toml:1:1: expected `password-file` or"),
            "{error}"
        );
        assert!(
            parse("[signers.a]\n")
                .unwrap_err()
                .to_string()
                .contains("missing field `private-key`")
        );
    }
}
