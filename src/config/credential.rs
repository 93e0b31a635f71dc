//! Where credentials are, and reading them when they are needed.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::{ConfigError, Environment, Platform, Secret};

/// Where a secret is kept. It is read each time it is needed, so that a rotated file is picked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

/// Larger files are not passwords.
const LARGEST_SECRET: u64 = 64 << 10;

impl SecretSource {
    pub(super) fn based_at(&self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            Self::Variable(name) => Self::Variable(name.clone()),
        }
    }

    /// One line break at the end of a file is not part of the secret. `purpose` begins the error.
    ///
    /// # Errors
    /// [`ConfigError::SecretFile`], [`ConfigError::SecretVariable`].
    pub fn read(&self, purpose: &str, environment: &Environment) -> Result<Secret, ConfigError> {
        match self {
            Self::File(path) => read_file(path).map_err(|reason| ConfigError::SecretFile {
                purpose: purpose.to_owned(),
                path: path.clone(),
                reason,
            }),
            Self::Variable(variable) => {
                let bad = |reason| ConfigError::SecretVariable {
                    purpose: purpose.to_owned(),
                    variable: variable.clone(),
                    reason,
                };
                let value = environment.get(variable).ok_or_else(|| bad("is not set"))?;
                value.into_string().map(Secret::new).map_err(|_| bad("is not UTF-8"))
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(LARGEST_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > LARGEST_SECRET {
        return Err(format!("has more than {LARGEST_SECRET} bytes: it holds no password"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(text))
}

/// How to log in to a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CredentialKeys", rename_all = "kebab-case")]
pub enum Credential {
    /// Not at all, whatever other files say.
    Anonymous,
    Basic {
        username: String,
        password: SecretSource,
    },
    /// A bearer token that the registry itself takes.
    Token(SecretSource),
    /// A refresh token that the registry's token server takes.
    IdentityToken(SecretSource),
    /// A program, `docker-credential-NAME`, that tells them.
    Helper(HelperName),
    /// Who this process runs as.
    Ambient(Platform),
}

impl Credential {
    pub(super) fn based_at(&self, folder: &Path) -> Self {
        match self {
            Self::Basic { username, password } => Self::Basic {
                username: username.clone(),
                password: password.based_at(folder),
            },
            Self::Token(token) => Self::Token(token.based_at(folder)),
            Self::IdentityToken(token) => Self::IdentityToken(token.based_at(folder)),
            Self::Anonymous | Self::Helper(_) | Self::Ambient(_) => self.clone(),
        }
    }
}

/// The NAME of a credential helper program `docker-credential-NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct HelperName(String);

impl HelperName {
    /// The program's file name.
    #[must_use]
    pub fn program(&self) -> String {
        format!("docker-credential-{}", self.0)
    }
}

impl TryFrom<String> for HelperName {
    type Error = String;

    /// Letters, digits, `.`, `_` and `-`: no path, or a file of somebody else's choice could be run.
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(harmless) {
            return Err(format!(
                "`{}` is not the name of a credential helper: for docker-credential-NAME write NAME",
                name.escape_default()
            ));
        }
        Ok(Self(name))
    }
}

/// The keys as they stand in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CredentialKeys {
    username: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    token_file: Option<PathBuf>,
    identity_token_file: Option<PathBuf>,
    credential_helper: Option<HelperName>,
    ambient: Option<Platform>,
    anonymous: Option<bool>,
}

impl TryFrom<CredentialKeys> for Credential {
    type Error = &'static str;

    fn try_from(keys: CredentialKeys) -> Result<Self, Self::Error> {
        let password = secret_source(keys.password_file, keys.password_env)?;
        let basic = match (keys.username, password) {
            (Some(username), Some(password)) => Some(Self::Basic { username, password }),
            (Some(_), None) => {
                return Err(
                    "a `username` needs a `password-file` or a `password-env`: passwords do not stand in this file",
                );
            }
            (None, Some(_)) => return Err("a password needs a `username`"),
            (None, None) => None,
        };
        let file = |path: Option<PathBuf>, kind: fn(SecretSource) -> Self| path.map(SecretSource::File).map(kind);
        let mut ways = [
            basic,
            file(keys.token_file, Self::Token),
            file(keys.identity_token_file, Self::IdentityToken),
            keys.credential_helper.map(Self::Helper),
            keys.ambient.map(Self::Ambient),
            (keys.anonymous == Some(true)).then_some(Self::Anonymous),
        ]
        .into_iter()
        .flatten();
        match (ways.next(), ways.next()) {
            (Some(way), None) if keys.anonymous != Some(false) => Ok(way),
            _ => Err(
                "expected one of `username` with `password-file` or `password-env`, `token-file`, `identity-token-file`, \
                 `credential-helper`, `ambient`, and `anonymous = true`",
            ),
        }
    }
}

/// The secret that a pair of keys names, where one does.
pub(super) fn secret_source(
    file: Option<PathBuf>,
    variable: Option<String>,
) -> Result<Option<SecretSource>, &'static str> {
    match (file, variable) {
        (Some(_), Some(_)) => Err("expected `password-file` or `password-env`, not both"),
        (Some(file), None) => Ok(Some(SecretSource::File(file))),
        (None, Some(variable)) => Ok(Some(SecretSource::Variable(variable))),
        (None, None) => Ok(None),
    }
}

impl JsonSchema for Credential {
    fn schema_name() -> Cow<'static, str> {
        "Credential".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let describe = |key: &str| match key {
            "username" => json!({ "description": "The name to log in with.", "examples": ["robot"] }),
            "password-file" => json!({
                "description": "The file that holds the password, read whenever it is needed.",
                "examples": ["secrets/robot"],
            }),
            "password-env" => json!({
                "description": "The environment variable that holds the password.",
                "examples": ["ROBOT_PASSWORD"],
            }),
            "token-file" => json!({
                "description": "The file that holds a bearer token which the registry itself takes.",
                "examples": ["secrets/token"],
            }),
            "identity-token-file" => json!({
                "description": "The file that holds an identity token: a refresh token which the registry's token server takes.",
                "examples": ["secrets/identity"],
            }),
            "credential-helper" => json!({
                "description": "The NAME of a program docker-credential-NAME on the PATH that tells them.",
                "pattern": "^[A-Za-z0-9._-]{1,64}$",
                "examples": ["pass"],
            }),
            _ => json!({
                "description": "The platform whose identity for this machine, pod or job is shown: aws (ECR), google \
                    (Artifact Registry, GCR), azure (ACR) or github (GITHUB_TOKEN for GHCR).",
                "enum": ["aws", "google", "azure", "github"],
                "examples": ["aws"],
            }),
        };
        let shape = |keys: &[&str]| {
            let properties: serde_json::Map<_, _> = keys
                .iter()
                .map(|key| {
                    let mut property = describe(key);
                    property["type"] = "string".into();
                    ((*key).to_owned(), property)
                })
                .collect();
            json!({
                "type": "object", "properties": properties, "required": keys, "additionalProperties": false
            })
        };
        json_schema!({
            "description": "How to log in. Passwords and tokens do not stand here: files and variables that hold them do.",
            "anyOf": [
                shape(&["username", "password-file"]),
                shape(&["username", "password-env"]),
                shape(&["token-file"]),
                shape(&["identity-token-file"]),
                shape(&["credential-helper"]),
                shape(&["ambient"]),
                {
                    "type": "object", "properties": { "anonymous": {
                        "const": true,
                        "description": "Without credentials, even where a shorter prefix has some or Docker has a login stored.",
                    } },
                    "required": ["anonymous"], "additionalProperties": false
                },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::testing::environment;

    fn read(text: &str) -> Result<Credential, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn each_way_to_log_in_is_read() {
        assert_eq!(read("anonymous = true"), Ok(Credential::Anonymous));
        assert_eq!(
            read("username = 'a'\npassword-env = 'P'"),
            Ok(Credential::Basic {
                username: "a".into(),
                password: SecretSource::Variable("P".into())
            })
        );
        assert_eq!(
            read("token-file = 't'"),
            Ok(Credential::Token(SecretSource::File("t".into())))
        );
        assert_eq!(
            read("identity-token-file = 't'"),
            Ok(Credential::IdentityToken(SecretSource::File("t".into())))
        );
        assert_eq!(
            read("credential-helper = 'ecr-login'"),
            Ok(Credential::Helper(HelperName("ecr-login".into())))
        );
        assert_eq!(read("ambient = 'azure'"), Ok(Credential::Ambient(Platform::Azure)));
    }

    #[test]
    fn mixtures_are_refused() {
        for (text, message) in [
            ("", "expected one of `username` with"),
            ("username = 'a'", "passwords do not stand in this file"),
            ("password-file = 'a'", "needs a `username`"),
            ("username = 'a'\npassword-file = 'a'\npassword-env = 'B'", "not both"),
            ("anonymous = false", "`anonymous = true`"),
            ("anonymous = true\ntoken-file = 'a'", "expected one of `username` with"),
            ("ambient = 'aws'\ncredential-helper = 'ecr-login'", "expected one of"),
            ("ambient = 'aws'\nanonymous = false", "expected one of"),
            ("ambient = 'oracle'", "unknown variant `oracle`"),
            (
                "credential-helper = '../../bin/x'",
                "is not the name of a credential helper",
            ),
            ("username = 'a'\npassword = 'secret'", "unknown field `password`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_read_when_it_is_used_without_its_last_line_break() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("password");
        let source = SecretSource::File("password".into()).based_at(folder.path());
        let read = || source.read("credentials for example.com", &environment(&[]));
        for (content, expected) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a b \n\n", " a b \n")] {
            fs::write(&path, content).unwrap();
            assert_eq!(read().unwrap().expose(), expected);
        }
        for (content, message) in [(&b""[..], "is empty"), (b"\n", "is empty"), (b"\xff", "is not UTF-8")] {
            fs::write(&path, content).unwrap();
            let error = read().unwrap_err().to_string();
            assert!(error.starts_with("credentials for example.com: "), "{error}");
            assert!(error.ends_with(message), "{error}");
        }
        fs::write(&path, vec![b'x'; 1 << 17]).unwrap();
        assert!(read().unwrap_err().to_string().contains("holds no password"));
        fs::remove_file(&path).unwrap();
        assert!(read().unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let source = SecretSource::Variable("REGISTRY_PASSWORD".into());
        let set = environment(&[("REGISTRY_PASSWORD", "hunter2")]);
        assert_eq!(source.read("credentials", &set).unwrap().expose(), "hunter2");
        let error = source.read("credentials", &environment(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "credentials: the environment variable REGISTRY_PASSWORD is not set"
        );
    }
}
