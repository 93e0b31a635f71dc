//! How to log in to a Git host over https.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretSource;
use super::credential::secret_source;

/// Where the credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "LoginKeys", rename_all = "kebab-case")]
#[schemars(with = "LoginKeys")]
pub enum GitLogin {
    /// A password, or a token in its place.
    Basic { username: String, password: SecretSource },
    /// A program, `git-credential-NAME`, that tells them.
    Helper(GitHelperName),
    /// An app's key, for which GitHub gives tokens that hold for an hour.
    GitHubApp(GitHubApp),
}

/// An app at GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitHubApp {
    /// The app's client id, or its number.
    #[schemars(extend("examples" = ["Iv23liSomeClientId"]))]
    pub id: String,
    /// The file with the app's private key (PEM), as GitHub gives it. It is read whenever a token is asked for.
    #[schemars(extend("examples" = ["secrets/github-app.pem"]))]
    pub key_file: PathBuf,
    /// The number of the app's installation. Where left out, GitHub is asked which one has the repository.
    #[schemars(extend("examples" = [12_345_678]))]
    pub installation: Option<u64>,
    /// Where GitHub's API is. Where left out: `https://api.github.com`, or `/api/v3` at another host.
    #[schemars(extend("examples" = ["https://github.example.com/api/v3"]))]
    pub api: Option<String>,
}

/// The NAME of a credential helper program `git-credential-NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct GitHelperName(String);

impl GitHelperName {
    /// The program's file name.
    #[must_use]
    pub fn program(&self) -> String {
        format!("git-credential-{}", self.0)
    }
}

impl TryFrom<String> for GitHelperName {
    type Error = String;

    /// Letters, digits, `.`, `_` and `-`: no path and no command line, or something of somebody else's choice could be run.
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(harmless) {
            return Err(format!(
                "`{}` is not the name of a credential helper: for git-credential-NAME write NAME",
                name.escape_default()
            ));
        }
        Ok(Self(name))
    }
}

/// What a token is sent with where no name is given: GitHub wants this one, most others take any.
const TOKEN_USER: &str = "x-access-token";

/// How to log in to a Git host. Passwords and tokens do not stand here: files and variables that hold them do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LoginKeys {
    /// The name to log in with. With a token it may be left out.
    #[schemars(extend("examples" = ["robot"]))]
    username: Option<String>,
    /// The file that holds the password, read at each look.
    #[schemars(extend("examples" = ["secrets/git"]))]
    password_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[schemars(extend("examples" = ["GIT_PASSWORD"]))]
    password_env: Option<String>,
    /// The file that holds a token, read at each look.
    #[schemars(extend("examples" = ["secrets/git-token"]))]
    token_file: Option<PathBuf>,
    /// The environment variable that holds a token.
    #[schemars(extend("examples" = ["GIT_TOKEN"]))]
    token_env: Option<String>,
    /// The NAME of a program git-credential-NAME on the PATH that tells them.
    #[schemars(extend("examples" = ["store"], "pattern" = "^[A-Za-z0-9._-]{1,64}$"))]
    credential_helper: Option<GitHelperName>,
    /// An app at GitHub, which is given a token for its key.
    #[schemars(extend("examples" = [{ "id": "Iv23liSomeClientId", "key-file": "secrets/github-app.pem" }]))]
    github_app: Option<GitHubApp>,
}

impl TryFrom<LoginKeys> for GitLogin {
    type Error = &'static str;

    fn try_from(keys: LoginKeys) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "expected one of `username` with `password-file` or `password-env`, `token-file`, \
                                `token-env`, `credential-helper`, and `github-app`";
        let password = secret_source(keys.password_file, keys.password_env)?;
        let token = match (keys.token_file, keys.token_env) {
            (Some(_), Some(_)) => return Err("expected `token-file` or `token-env`, not both"),
            (file, variable) => secret_source(file, variable)?,
        };
        if keys
            .username
            .as_ref()
            .is_some_and(|name| name.contains(':') || name.is_empty())
        {
            return Err("a `username` is not empty, and has no colon");
        }
        match (keys.username, password, token, keys.credential_helper, keys.github_app) {
            (Some(username), Some(password), None, None, None) => Ok(Self::Basic { username, password }),
            (username, None, Some(password), None, None) => Ok(Self::Basic {
                username: username.unwrap_or_else(|| TOKEN_USER.to_owned()),
                password,
            }),
            (None, None, None, Some(helper), None) => Ok(Self::Helper(helper)),
            (None, None, None, None, Some(app)) => Ok(Self::GitHubApp(app)),
            (None, Some(_), None, None, None) => Err("a password needs a `username`"),
            (Some(_), None, None, None, None) => Err(
                "a `username` needs a `password-file`, a `password-env` or a token: passwords do not stand in this file",
            ),
            _ => Err(EXPECTED),
        }
    }
}

impl GitLogin {
    pub(super) fn based_at(&self, folder: &Path) -> Self {
        match self {
            Self::Basic { username, password } => Self::Basic {
                username: username.clone(),
                password: password.based_at(folder),
            },
            Self::Helper(helper) => Self::Helper(helper.clone()),
            Self::GitHubApp(app) => Self::GitHubApp(GitHubApp {
                key_file: folder.join(&app.key_file),
                ..app.clone()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<GitLogin, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn each_way_to_log_in_is_read() {
        let basic = |username: &str, password| {
            Ok(GitLogin::Basic {
                username: username.to_owned(),
                password,
            })
        };
        let file = || SecretSource::File("t".into());
        assert_eq!(read("username = 'a'\npassword-file = 't'"), basic("a", file()));
        assert_eq!(read("token-file = 't'"), basic("x-access-token", file()));
        assert_eq!(read("username = 'oauth2'\ntoken-file = 't'"), basic("oauth2", file()));
        assert_eq!(
            read("token-env = 'T'"),
            basic("x-access-token", SecretSource::Variable("T".into()))
        );
        assert_eq!(
            read("credential-helper = 'store'"),
            Ok(GitLogin::Helper(GitHelperName("store".into())))
        );
        let app = read("github-app = { id = '7', key-file = 'k.pem', installation = 9 }");
        assert!(matches!(app, Ok(GitLogin::GitHubApp(app)) if app.installation == Some(9)));
    }

    #[test]
    fn mixtures_and_passwords_are_refused() {
        for (text, message) in [
            ("", "expected one of `username` with"),
            ("username = 'a'", "do not stand in this file"),
            ("password-file = 'a'", "needs a `username`"),
            ("token-file = 'a'\ntoken-env = 'B'", "not both"),
            ("token-file = 'a'\ncredential-helper = 'store'", "expected one of"),
            (
                "credential-helper = '!sh -c id'",
                "is not the name of a credential helper",
            ),
            ("username = 'a:b'\ntoken-file = 'a'", "no colon"),
            ("token = 'hunter2'", "unknown field `token`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
