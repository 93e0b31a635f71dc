//! Looking a login up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{LoginFile, Way};
use crate::credentials::helper::Helpers;
use crate::model::{Prefix, Registry};
use crate::registry::{CredentialSource, Credentials, CredentialsFuture, RefusedFuture};

/// Logins in files that other programs write, read anew each time: whoever logs in with Docker while landfall runs is
/// logged in.
pub(in crate::credentials) struct StoredLogins {
    files: Vec<PathBuf>,
    helpers: Arc<Helpers>,
}

/// What helpers know a registry by: its name, and Docker Hub by its old address.
pub(in crate::credentials) fn server(registry: &Registry) -> &str {
    match registry.as_str() {
        "docker.io" => "https://index.docker.io/v1/",
        name => name,
    }
}

impl StoredLogins {
    /// The first file that has a login counts.
    pub(in crate::credentials) fn new(files: Vec<PathBuf>, helpers: Arc<Helpers>) -> Self {
        Self { files, helpers }
    }

    async fn find(&self, place: &Prefix) -> Result<Option<Credentials>, String> {
        for path in &self.files {
            for way in ways(path, place)? {
                match way {
                    Way::Login(credentials) => return Ok(Some(credentials)),
                    Way::Helper { helper, last } => {
                        let found = self
                            .helpers
                            .get(&helper, server(&place.registry))
                            .await
                            .map_err(|error| format!("{}: {error}", path.display()))?;
                        if found.is_some() || last {
                            return Ok(found);
                        }
                    }
                }
            }
        }
        Ok(None)
    }
}

fn ways(path: &Path, place: &Prefix) -> Result<Vec<Way>, String> {
    match LoginFile::read(path)? {
        None => Ok(Vec::new()),
        Some(file) => file.ways(place).map_err(|error| format!("{}: {error}", path.display())),
    }
}

impl CredentialSource for StoredLogins {
    fn credentials<'a>(&'a self, place: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(self.find(place))
    }

    fn refused<'a>(&'a self, place: &'a Prefix, credentials: &'a Credentials) -> RefusedFuture<'a> {
        Box::pin(async move {
            for path in &self.files {
                for way in ways(path, place).unwrap_or_default() {
                    if let Way::Helper { helper, .. } = way {
                        self.helpers
                            .refused(&helper, server(&place.registry), credentials)
                            .await;
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::credentials::HelperLimits;
    use crate::credentials::helper::tests::environment;

    fn user(found: Result<Option<Credentials>, String>) -> String {
        match found {
            Ok(Some(Credentials::Basic { username, password })) => format!("{username}:{}", password.expose()),
            Ok(None) => "nobody".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn files_and_helpers_are_gone_through_in_their_order_and_read_anew() {
        let home = tempfile::TempDir::new().unwrap();
        let (first, second) = (home.path().join("auth.json"), home.path().join("config.json"));
        fs::write(home.path().join("secret"), "told").unwrap();
        let helpers = Arc::new(Helpers::new(environment(home.path(), &[]), HelperLimits::default()));
        let logins = StoredLogins::new(vec![first.clone(), second.clone()], helpers);
        let ask = async |place: &str| user(logins.find(&place.parse().unwrap()).await);
        assert_eq!(ask("a.example.com/x").await, "nobody");
        let entries = r#""auths": {"a.example.com": {"auth": "YTpi"}, "missing.example.com": {"auth": "YTpi"}}"#;
        fs::write(&second, format!(r#"{{"credsStore": "test", {entries}}}"#)).unwrap();
        assert_eq!(ask("a.example.com/x").await, "robot:told");
        assert_eq!(ask("unheard.example.com/x").await, "robot:told");
        assert_eq!(ask("missing.example.com/x").await, "a:b");
        fs::write(&first, r#"{"auths": {"a.example.com": {"auth": "Yzpk"}}}"#).unwrap();
        assert_eq!(ask("a.example.com/x").await, "c:d");
        fs::write(&first, r#"{"credHelpers": {"missing.example.com": "test"}}"#).unwrap();
        assert_eq!(ask("missing.example.com/x").await, "nobody");
        fs::write(&first, "hunter2").unwrap();
        let error = logins.find(&"a.example.com".parse().unwrap()).await.unwrap_err();
        assert!(error.contains("auth.json:1:1") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn docker_hub_has_its_old_name_with_helpers() {
        assert_eq!(server(&"docker.io".parse().unwrap()), "https://index.docker.io/v1/");
        assert_eq!(server(&"example.com:5000".parse().unwrap()), "example.com:5000");
    }
}
