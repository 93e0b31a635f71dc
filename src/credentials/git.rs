//! Logging in to a Git host over https.

use std::sync::Arc;

use url::Url;

use super::git_helper::GitHelper;
use super::github_app::App;
use super::kept::{Kept, Lease};
use super::program::HelperLimits;
use crate::config::{Environment, GitLogin, SecretSource};
use crate::http::ClientOptions;
use crate::registry::{Credentials, Secret};

/// A name and what proves it: a password, or a token in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitCredentials {
    pub username: String,
    pub password: Secret,
}

/// The login that the configuration names, for one repository.
pub struct GitLogins {
    way: Way,
    kept: Kept,
    limits: HelperLimits,
}

enum Way {
    /// Read at each look, so that what is rotated counts.
    Read {
        username: String,
        password: SecretSource,
        environment: Environment,
    },
    Helper(GitHelper),
    App(Box<App>),
}

impl GitLogins {
    /// # Errors
    /// Where the login cannot be used for this URL.
    pub fn new(
        login: &GitLogin,
        url: &Url,
        environment: &Environment,
        client: &ClientOptions,
    ) -> Result<Arc<Self>, String> {
        let limits = HelperLimits::default();
        let way = match login {
            GitLogin::Basic { username, password } => Way::Read {
                username: username.clone(),
                password: password.clone(),
                environment: environment.clone(),
            },
            GitLogin::Helper(name) => Way::Helper(GitHelper::new(name, url, environment.clone(), limits)),
            GitLogin::GitHubApp(app) => Way::App(Box::new(App::new(app, url, client.clone())?)),
        };
        Ok(Arc::new(Self {
            way,
            kept: Kept::default(),
            limits,
        }))
    }

    /// # Errors
    /// Why there are none; never with a part of them.
    pub async fn get(&self) -> Result<Option<GitCredentials>, String> {
        let found = match &self.way {
            Way::Read {
                username,
                password,
                environment,
            } => {
                let secret = password
                    .read("the password of `login` under [git]", environment)
                    .map_err(|error| error.to_string())?;
                return Ok(Some(GitCredentials {
                    username: username.clone(),
                    password: Secret::new(secret.expose()),
                }));
            }
            Way::Helper(helper) => {
                let fetch = || async {
                    Ok(Lease {
                        credentials: helper.get().await?,
                        life: self.limits.life,
                    })
                };
                self.kept.get(fetch).await?
            }
            Way::App(app) => self.kept.get(|| app.token()).await?,
        };
        Ok(match found {
            Some(Credentials::Basic { username, password }) => Some(GitCredentials { username, password }),
            Some(Credentials::Token(_) | Credentials::Identity { .. }) | None => None,
        })
    }

    /// The host refused these. Returns whether there are others by now.
    pub async fn refused(&self, credentials: &GitCredentials) -> bool {
        if matches!(self.way, Way::Read { .. }) {
            return false;
        }
        let basic = Credentials::Basic {
            username: credentials.username.clone(),
            password: credentials.password.clone(),
        };
        self.kept.refused(&basic).await;
        if let Way::Helper(helper) = &self.way {
            helper.refused(credentials).await;
        }
        matches!(self.get().await, Ok(Some(others)) if others != *credentials)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn logins(text: &str, environment: &Environment) -> Arc<GitLogins> {
        let login: GitLogin = toml::from_str(text).unwrap();
        let url = Url::parse("https://git.example.com/acme/releases.git").unwrap();
        GitLogins::new(&login, &url, environment, &ClientOptions::default()).unwrap()
    }

    #[tokio::test]
    async fn a_rotated_token_counts_from_the_next_look_on() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("token");
        let logins = logins(&format!("token-file = '{}'", file.display()), &Environment::Process);
        for token in ["t1", "t2"] {
            fs::write(&file, format!("{token}\n")).unwrap();
            let found = logins.get().await.unwrap().unwrap();
            assert_eq!(
                (found.username.as_str(), found.password.expose()),
                ("x-access-token", token)
            );
            assert!(!logins.refused(&found).await);
        }
        fs::remove_file(&file).unwrap();
        let error = logins.get().await.unwrap_err();
        assert!(
            error.contains("`login` under [git]") && error.contains("cannot be read"),
            "{error}"
        );
    }
}
