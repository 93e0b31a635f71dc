//! Credential helpers: programs that tell credentials (the protocol of docker-credential-helpers).

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::kept::{Kept, Lease};
use super::program::{HelperLimits, Program};
use crate::config::{Environment, HelperName};
use crate::registry::{Credentials, IDENTITY_USER, Secret};

/// How a helper says that it knows nothing of a server.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: Secret,
}

/// All helpers, with what they told of each server.
pub(super) struct Helpers {
    environment: Environment,
    limits: HelperLimits,
    kept: Mutex<HashMap<(HelperName, String), Arc<Kept>>>,
}

impl Helpers {
    pub(super) fn new(environment: Environment, limits: HelperLimits) -> Self {
        Self {
            environment,
            limits,
            kept: Mutex::default(),
        }
    }

    /// What the helper has for this server. It runs once at a time for each.
    pub(super) async fn get(&self, helper: &HelperName, server: &str) -> Result<Option<Credentials>, String> {
        let kept = self.kept(helper, server);
        kept.get(|| async {
            let credentials = self.run(helper, server).await?;
            Ok(Lease {
                credentials,
                life: self.limits.life,
            })
        })
        .await
    }

    pub(super) async fn refused(&self, helper: &HelperName, server: &str, credentials: &Credentials) {
        self.kept(helper, server).refused(credentials).await;
    }

    fn kept(&self, helper: &HelperName, server: &str) -> Arc<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry((helper.clone(), server.to_owned())).or_default())
    }

    async fn run(&self, helper: &HelperName, server: &str) -> Result<Option<Credentials>, String> {
        let name = helper.program();
        let program = Program {
            environment: &self.environment,
            limits: self.limits,
            name: &name,
        };
        let (status, output) = program.run("get", format!("{server}\n").as_bytes()).await?;
        read(&name, server, status, &output)
    }
}

/// Nothing that the program wrote is ever shown: it may be the secret.
fn read(name: &str, server: &str, status: ExitStatus, output: &[u8]) -> Result<Option<Credentials>, String> {
    if !status.success() {
        if output.trim_ascii() == NOT_FOUND.as_bytes() {
            return Ok(None);
        }
        return Err(format!(
            "{name} ended with {status}; see why with `echo {server} | {name} get`"
        ));
    }
    read_answer(name, output)
}

/// What a helper that succeeded wrote.
pub(super) fn read_answer(name: &str, output: &[u8]) -> Result<Option<Credentials>, String> {
    let answer: Answer = serde_json::from_slice(output)
        .map_err(|_| format!("{name} answers with something other than JSON with `Username` and `Secret`"))?;
    match (answer.username.as_str(), answer.secret.expose()) {
        ("", "") => Ok(None),
        (_, "") => Err(format!("{name} answers with an empty `Secret`")),
        (IDENTITY_USER | "", _) => Ok(Some(Credentials::Identity {
            username: IDENTITY_USER.to_owned(),
            token: answer.secret,
        })),
        _ => Ok(Some(Credentials::Basic {
            username: answer.username,
            password: answer.secret,
        })),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    /// The helper of the tests is a script that behaves as the server's name says. `home` is its scratch folder.
    pub(in crate::credentials) fn environment(home: &Path, more: &[(&str, &str)]) -> Environment {
        let bin = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/credentials/bin");
        let path = format!("relative:{bin}:/usr/bin:/bin");
        let own = [("PATH", path.as_str()), ("HOME", home.to_str().unwrap())];
        let variables = own.iter().chain(more);
        Environment::Fixed(
            variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    fn helper() -> HelperName {
        "test".to_owned().try_into().unwrap()
    }

    fn helpers(home: &Path) -> Helpers {
        let variables = [("AWS_REGION", "eu-west-1"), ("COSIGN_PASSWORD", "hunter2")];
        Helpers::new(environment(home, &variables), HelperLimits::default())
    }

    fn runs(home: &Path) -> usize {
        fs::read_to_string(home.join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn basic(password: &str) -> Credentials {
        Credentials::Basic {
            username: "robot".to_owned(),
            password: Secret::new(password),
        }
    }

    #[tokio::test]
    async fn a_user_with_a_password_an_identity_token_and_nothing_are_told_apart() {
        let home = tempfile::TempDir::new().unwrap();
        fs::write(home.path().join("secret"), "s1").unwrap();
        let helpers = helpers(home.path());
        let get = async |server| helpers.get(&helper(), server).await;
        assert_eq!(get("stored.example.com").await, Ok(Some(basic("s1"))));
        assert_eq!(
            get("identity.example.com").await,
            Ok(Some(Credentials::Identity {
                username: IDENTITY_USER.to_owned(),
                token: Secret::new("s1")
            }))
        );
        assert_eq!(get("missing.example.com").await, Ok(None));
        assert_eq!(get("empty.example.com").await, Ok(None));
    }

    #[tokio::test]
    async fn one_run_serves_all_who_ask_until_it_is_refused() {
        let home = tempfile::TempDir::new().unwrap();
        fs::write(home.path().join("secret"), "s1").unwrap();
        let (helpers, helper) = (helpers(home.path()), helper());
        let answers = join_all((0..8).map(|_| helpers.get(&helper, "stored.example.com"))).await;
        assert!(
            answers.iter().all(|answer| *answer == Ok(Some(basic("s1")))),
            "{answers:?}"
        );
        assert_eq!(runs(home.path()), 1);
        fs::write(home.path().join("secret"), "s2").unwrap();
        assert_eq!(helpers.get(&helper, "stored.example.com").await, Ok(Some(basic("s1"))));
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::time::resume();
        helpers.refused(&helper, "stored.example.com", &basic("s1")).await;
        assert_eq!(helpers.get(&helper, "stored.example.com").await, Ok(Some(basic("s2"))));
        assert_eq!(runs(home.path()), 2);
    }

    #[tokio::test]
    async fn failures_name_the_program_and_show_nothing_that_it_wrote() {
        let home = tempfile::TempDir::new().unwrap();
        let helpers = helpers(home.path());
        for (server, message) in [
            (
                "failing.example.com",
                "docker-credential-test ended with exit status: 3",
            ),
            ("garbage.example.com", "something other than JSON"),
            ("secretless.example.com", "empty `Secret`"),
            ("endless.example.com", "more than 65536 bytes"),
        ] {
            let error = helpers.get(&helper(), server).await.unwrap_err();
            assert!(error.contains(message), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let unknown = "nowhere".to_owned().try_into().unwrap();
        let error = helpers.get(&unknown, "a").await.unwrap_err();
        assert_eq!(
            error,
            "the credential helper docker-credential-nowhere is in no folder of PATH"
        );
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let home = tempfile::TempDir::new().unwrap();
        let limits = HelperLimits {
            time: Duration::from_millis(300),
            ..HelperLimits::default()
        };
        let helpers = Helpers::new(environment(home.path(), &[]), limits);
        let error = helpers.get(&helper(), "hanging.example.com").await.unwrap_err();
        assert!(error.contains("did not end within"), "{error}");
    }

    #[tokio::test]
    async fn helpers_see_what_they_need_of_the_environment_and_no_more() {
        let home = tempfile::TempDir::new().unwrap();
        let found = helpers(home.path()).get(&helper(), "environment.example.com").await;
        let Ok(Some(Credentials::Basic { password, .. })) = found else {
            panic!("{found:?}");
        };
        assert!(password.expose().contains("AWS_REGION"), "{}", password.expose());
        assert!(!password.expose().contains("COSIGN_PASSWORD"), "{}", password.expose());
    }
}
