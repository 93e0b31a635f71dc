//! From what the configuration says of credentials to where they come from.

use std::path::PathBuf;
use std::sync::Arc;

use super::ambient::{Ambient, AmbientSource};
use super::helper::Helpers;
use super::program::HelperLimits;
use super::stored::{StoredLogins, server};
use crate::config::{Credential, Environment, HelperName, SecretSource};
use crate::http::ClientOptions;
use crate::model::Prefix;
use crate::registry::{
    Anonymous, CredentialSource, Credentials, CredentialsFuture, IDENTITY_USER, RefusedFuture, Secret,
};

/// Makes sources that share what they keep: a helper's answer, a platform's token.
pub struct Sources {
    environment: Environment,
    helpers: Arc<Helpers>,
    ambient: Arc<Ambient>,
}

impl Sources {
    /// `client` is for asking platforms who we are.
    #[must_use]
    pub fn new(environment: Environment, client: ClientOptions) -> Self {
        Self {
            helpers: Arc::new(Helpers::new(environment.clone(), HelperLimits::default())),
            ambient: Arc::new(Ambient::new(environment.clone(), client)),
            environment,
        }
    }

    /// The source that the configuration names. `plain_http`: the registry is spoken to without TLS.
    #[must_use]
    pub fn of(&self, credential: &Credential, plain_http: bool) -> Arc<dyn CredentialSource> {
        let read = |source: &SecretSource, kind| {
            Arc::new(Read {
                secret: source.clone(),
                kind,
                environment: self.environment.clone(),
            })
        };
        match credential {
            Credential::Anonymous => Arc::new(Anonymous),
            Credential::Basic { username, password } => read(password, Kind::Password(username.clone())),
            Credential::Token(token) => read(token, Kind::Token),
            Credential::IdentityToken(token) => read(token, Kind::Identity),
            Credential::Helper(helper) => Arc::new(HelperSource {
                helper: helper.clone(),
                helpers: Arc::clone(&self.helpers),
            }),
            Credential::Ambient(platform) => {
                Arc::new(AmbientSource::new(Arc::clone(&self.ambient), *platform, plain_http))
            }
        }
    }

    /// The logins that Docker and podman stored.
    #[must_use]
    pub fn stored(&self) -> Arc<dyn CredentialSource> {
        Arc::new(StoredLogins::new(
            self.environment.login_files(),
            Arc::clone(&self.helpers),
        ))
    }

    /// The file of the stored login that counts for `place`, and its user, where it has one.
    ///
    /// # Errors
    /// A file that cannot be read, a helper that fails.
    pub async fn stored_login(&self, place: &Prefix) -> Result<Option<(PathBuf, Option<String>)>, String> {
        for file in self.environment.login_files() {
            let logins = StoredLogins::new(vec![file.clone()], Arc::clone(&self.helpers));
            match logins.credentials(place).await? {
                Some(Credentials::Basic { username, .. } | Credentials::Identity { username, .. }) => {
                    return Ok(Some((file, Some(username))));
                }
                Some(Credentials::Token(_)) => return Ok(Some((file, None))),
                None => {}
            }
        }
        Ok(None)
    }
}

/// A secret in a file or a variable, read each time.
struct Read {
    secret: SecretSource,
    kind: Kind,
    environment: Environment,
}

enum Kind {
    /// Of this user.
    Password(String),
    Token,
    Identity,
}

impl Read {
    fn read(&self) -> Result<Credentials, String> {
        let purpose = match self.kind {
            Kind::Password(_) => "the password",
            Kind::Token => "the token",
            Kind::Identity => "the identity token",
        };
        let secret = self
            .secret
            .read(purpose, &self.environment)
            .map_err(|error| error.to_string())?;
        let secret = Secret::new(secret.expose());
        Ok(match &self.kind {
            Kind::Password(username) => Credentials::Basic {
                username: username.clone(),
                password: secret,
            },
            Kind::Token => Credentials::Token(secret),
            Kind::Identity => Credentials::Identity {
                username: IDENTITY_USER.to_owned(),
                token: secret,
            },
        })
    }
}

impl CredentialSource for Read {
    fn credentials<'a>(&'a self, _: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(self.read().map(Some)))
    }
}

struct HelperSource {
    helper: HelperName,
    helpers: Arc<Helpers>,
}

impl CredentialSource for HelperSource {
    fn credentials<'a>(&'a self, place: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(async move {
            let found = self.helpers.get(&self.helper, server(&place.registry)).await?;
            // Whoever names a helper means to be known: to be a stranger instead would be a surprise.
            match found {
                Some(credentials) => Ok(Some(credentials)),
                None => Err(format!(
                    "{} has no credentials for `{}`",
                    self.helper.program(),
                    server(&place.registry)
                )),
            }
        })
    }

    fn refused<'a>(&'a self, place: &'a Prefix, credentials: &'a Credentials) -> RefusedFuture<'a> {
        Box::pin(self.helpers.refused(&self.helper, server(&place.registry), credentials))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::credentials::helper::tests::environment;

    #[tokio::test]
    async fn secrets_are_read_when_they_are_needed() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("secret");
        let sources = Sources::new(environment(home.path(), &[]), ClientOptions::default());
        let place: Prefix = "example.com/a".parse().unwrap();
        let file = || SecretSource::File(path.clone());
        let basic = sources.of(
            &Credential::Basic {
                username: "robot".to_owned(),
                password: file(),
            },
            false,
        );
        let error = basic.credentials(&place).await.unwrap_err();
        assert!(
            error.starts_with("the password: ") && error.contains("cannot be read"),
            "{error}"
        );
        for secret in ["first", "second"] {
            fs::write(&path, secret).unwrap();
            let expected = Credentials::Basic {
                username: "robot".to_owned(),
                password: Secret::new(secret),
            };
            assert_eq!(basic.credentials(&place).await, Ok(Some(expected)));
        }
        let token = sources.of(&Credential::Token(file()), false);
        assert_eq!(
            token.credentials(&place).await,
            Ok(Some(Credentials::Token(Secret::new("second"))))
        );
        let identity = sources.of(&Credential::IdentityToken(file()), false);
        assert!(matches!(
            identity.credentials(&place).await,
            Ok(Some(Credentials::Identity { .. }))
        ));
        assert_eq!(
            sources.of(&Credential::Anonymous, false).credentials(&place).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn a_helper_that_is_configured_must_know_the_registry() {
        let home = tempfile::TempDir::new().unwrap();
        let sources = Sources::new(environment(home.path(), &[]), ClientOptions::default());
        let helper = sources.of(&Credential::Helper("test".to_owned().try_into().unwrap()), false);
        let error = helper
            .credentials(&"missing.example.com/a".parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "docker-credential-test has no credentials for `missing.example.com`"
        );
    }
}
