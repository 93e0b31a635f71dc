//! Credential helpers: programs that tell credentials (the protocol of docker-credential-helpers).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::kept::{Kept, Lease};
use crate::config::{Environment, HelperName};
use crate::registry::{Credentials, IDENTITY_USER, Secret};

/// What a helper program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelperLimits {
    /// From its start to its end.
    pub time: Duration,
    /// Bytes on its standard output.
    pub output: usize,
    /// How long its answer holds: the protocol names no end.
    pub life: Duration,
}

impl Default for HelperLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            output: 64 << 10,
            life: Duration::from_secs(300),
        }
    }
}

/// What helpers get to see of this process's environment: where programs, keyrings and proxies are, and what the clouds'
/// own helpers read. Nothing else, which may be the password of a signing key.
const VARIABLES: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    "REGISTRY_AUTH_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
const VARIABLE_PREFIXES: [&str; 5] = ["AWS_", "AZURE_", "CLOUDSDK_", "DOCKER_", "GOOGLE_"];

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
        let program = self.find(&name)?;
        let cannot = |error: std::io::Error| format!("{} cannot be run: {error}", program.display());
        let mut child = Command::new(&program)
            .arg("get")
            .env_clear()
            .envs(self.variables())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let limit = self.limits.output;
        let work = async {
            if let Some(mut stdin) = stdin {
                match stdin.write_all(format!("{server}\n").as_bytes()).await {
                    // It has its answer already.
                    Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(cannot(error)),
                    _ => {}
                }
            }
            // At its full size from the start, so that no part of a secret stays behind in memory.
            let mut output = Zeroizing::new(Vec::with_capacity(limit + 1));
            if let Some(stdout) = stdout {
                let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                stdout.take(most).read_to_end(&mut output).await.map_err(cannot)?;
            }
            if output.len() > limit {
                return Err(format!("{name} writes more than {limit} bytes"));
            }
            Ok((child.wait().await.map_err(cannot)?, output))
        };
        let (status, output) = timeout(self.limits.time, work)
            .await
            .unwrap_or_else(|_| Err(format!("{name} did not end within {} s", self.limits.time.as_secs())))?;
        read(&name, server, status, &output)
    }

    fn find(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.environment.get("PATH").unwrap_or_default();
        // Relative entries would have it depend on the folder that this process was started in.
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
            .ok_or_else(|| format!("the credential helper {name} is in no folder of PATH"))
    }

    fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let shown = |name: &OsStr| {
            name.to_str().is_some_and(|name| {
                VARIABLES.contains(&name) || VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            })
        };
        self.environment
            .variables()
            .into_iter()
            .filter(move |(name, _)| shown(name))
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
