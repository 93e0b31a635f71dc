//! The private keys that this process holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::credential::secret_source;
use super::file::SignerKeys;
use super::{ConfigError, Environment, Secret, SecretSource};

/// A signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SignerKeys")]
pub struct SignerSettings {
    #[serde(flatten)]
    pub key: KeySettings,
    #[serde(flatten)]
    pub witnesses: Option<WitnessSettings>,
}

/// Who bears witness to what it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WitnessSettings {
    pub log: Option<String>,
    pub timestamp: Option<String>,
    pub trusted_root: PathBuf,
}

/// Where its private key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum KeySettings {
    KeyFile(PrivateKeySettings),
    Plugin(PluginSettings),
    Token(TokenSettings),
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PrivateKeySettings {
    pub private_key: PathBuf,
    /// Without one the key's password is empty.
    pub password: Option<SecretSource>,
}

/// A KMS, or whatever else a program of the name `sigstore-kms-…` can sign with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginSettings {
    #[serde(rename = "plugin")]
    pub program: PathBuf,
    pub key: String,
}

/// A token, through a PKCS#11 module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenSettings {
    #[serde(rename = "pkcs11")]
    pub module: PathBuf,
    pub token: String,
    pub key: String,
    pub pin_file: PathBuf,
}

impl SignerSettings {
    pub(super) fn based_at(&self, folder: &Path) -> Self {
        Self {
            key: self.key.based_at(folder),
            witnesses: self.witnesses.as_ref().map(|witnesses| WitnessSettings {
                trusted_root: folder.join(&witnesses.trusted_root),
                ..witnesses.clone()
            }),
        }
    }
}

impl KeySettings {
    fn based_at(&self, folder: &Path) -> Self {
        match self {
            Self::KeyFile(settings) => Self::KeyFile(PrivateKeySettings {
                private_key: folder.join(&settings.private_key),
                password: settings.password.as_ref().map(|source| source.based_at(folder)),
            }),
            Self::Plugin(settings) => Self::Plugin(PluginSettings {
                program: folder.join(&settings.program),
                key: settings.key.clone(),
            }),
            Self::Token(settings) => Self::Token(TokenSettings {
                module: folder.join(&settings.module),
                pin_file: folder.join(&settings.pin_file),
                ..settings.clone()
            }),
        }
    }
}

impl PrivateKeySettings {
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

    fn try_from(mut keys: SignerKeys) -> Result<Self, Self::Error> {
        let witnesses = match (keys.log.take(), keys.timestamp.take(), keys.trusted_root.take()) {
            (None, None, None) => None,
            (None, None, Some(_)) | (_, _, None) => {
                return Err("expected `log` or `timestamp` together with `trusted-root`");
            }
            (log, timestamp, Some(trusted_root)) => {
                if ![&log, &timestamp].into_iter().flatten().all(|text| is_address(text)) {
                    return Err("expected `log` and `timestamp` to be `https://` addresses");
                }
                Some(WitnessSettings {
                    log,
                    timestamp,
                    trusted_root,
                })
            }
        };
        Ok(Self {
            key: keys.try_into()?,
            witnesses,
        })
    }
}

/// Without TLS on this machine only: an answer that was tampered with would not verify, but what is asked is nobody's.
fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => matches!(url.host(), Some(url::Host::Ipv4(address)) if address.is_loopback()),
        _ => false,
    })
}

impl TryFrom<SignerKeys> for KeySettings {
    type Error = &'static str;

    fn try_from(keys: SignerKeys) -> Result<Self, Self::Error> {
        let password = secret_source(keys.password_file, keys.password_env)?;
        let token = (keys.pkcs11, keys.token, keys.pin_file);
        match (keys.private_key, keys.plugin, keys.key, token) {
            (Some(private_key), None, None, (None, None, None)) => {
                Ok(Self::KeyFile(PrivateKeySettings { private_key, password }))
            }
            (None, Some(_), Some(_), _) if password.is_some() => {
                Err("a plugin finds its own credentials: remove `password-file` and `password-env`")
            }
            (None, Some(program), Some(key), (None, None, None)) => Ok(Self::Plugin(PluginSettings { program, key })),
            (None, None, Some(key), (Some(module), Some(token), Some(pin_file))) if password.is_none() => {
                Ok(Self::Token(TokenSettings {
                    module,
                    token,
                    key,
                    pin_file,
                }))
            }
            _ => Err("expected `private-key`, `plugin` with `key`, or `pkcs11` with `token`, `key` and `pin-file`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{KeySettings, PluginSettings};
    use crate::config::testing::{environment, parse};

    #[test]
    fn a_signers_files_are_found_from_the_configuration_and_its_password_when_it_signs() {
        let config = parse("[signers.a]\nprivate-key = 'a.key'\npassword-env = 'A'").unwrap();
        let KeySettings::KeyFile(signer) = &config.signers["a"].key else {
            panic!("it is a file");
        };
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
                .contains("expected `private-key`, `plugin` with `key`")
        );
    }

    #[test]
    fn a_key_behind_a_plugin_is_named_by_its_program_and_its_name_there() {
        let config =
            parse("[signers.a]\nplugin = 'bin/sigstore-kms-example'\nkey = 'projects/acme/keys/release'").unwrap();
        let expected = PluginSettings {
            program: "/etc/landfall/bin/sigstore-kms-example".into(),
            key: "projects/acme/keys/release".to_owned(),
        };
        assert_eq!(config.signers["a"].key, KeySettings::Plugin(expected));
        for wrong in [
            "plugin = 'p'",
            "key = 'k'",
            "plugin = 'p'\nkey = 'k'\nprivate-key = 'a.key'",
            "plugin = 'p'\nkey = 'k'\npassword-env = 'A'",
        ] {
            assert!(parse(&format!("[signers.a]\n{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn witnesses_come_with_the_root_that_they_are_held_against() {
        let parse = |more: &str| parse(&format!("[signers.a]\nprivate-key = 'a.key'\n{more}"));
        let config = parse("log = 'https://log.example.com'\ntrusted-root = 'root.json'").unwrap();
        let witnesses = config.signers["a"].witnesses.as_ref().unwrap();
        assert_eq!(witnesses.trusted_root, Path::new("/etc/landfall/root.json"));
        assert!(parse("timestamp = 'http://127.0.0.1:1/'\ntrusted-root = 'r'").is_ok());
        for wrong in [
            "log = 'https://log.example.com'",
            "trusted-root = 'r'",
            "log = 'http://log.example.com'\ntrusted-root = 'r'",
            "log = 'log'\ntrusted-root = 'r'",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
