//! Git's credential helpers (gitcredentials(7), git-credential(1)): `git-credential-NAME get` reads what is wanted and
//! writes what it knows, as lines of `key=value`.

use url::Url;
use zeroize::Zeroizing;

use super::git::GitCredentials;
use super::program::{HelperLimits, Program};
use crate::config::{Environment, GitHelperName};
use crate::registry::{Credentials, Secret};

/// One helper, asked about one repository.
pub(super) struct GitHelper {
    name: String,
    environment: Environment,
    limits: HelperLimits,
    /// What is asked about, as lines.
    about: String,
}

impl GitHelper {
    pub fn new(name: &GitHelperName, url: &Url, environment: Environment, limits: HelperLimits) -> Self {
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Self {
            name: name.program(),
            environment,
            limits,
            about: format!(
                "protocol={}\nhost={host}\npath={}\n",
                url.scheme(),
                url.path().trim_start_matches('/')
            ),
        }
    }

    fn program(&self) -> Program<'_> {
        Program {
            environment: &self.environment,
            limits: self.limits,
            name: &self.name,
        }
    }

    pub async fn get(&self) -> Result<Option<Credentials>, String> {
        let (status, output) = self
            .program()
            .run("get", format!("{}\n", self.about).as_bytes())
            .await?;
        if !status.success() {
            return Err(format!(
                "{} ended with {status}; see why with `printf '{}\\n' | {} get`",
                self.name,
                self.about.escape_default(),
                self.name
            ));
        }
        read(&self.name, &output)
    }

    /// Has the helper let go of what was refused, as git does.
    pub async fn refused(&self, credentials: &GitCredentials) {
        let input = Zeroizing::new(format!(
            "{}username={}\npassword={}\n\n",
            self.about,
            credentials.username,
            credentials.password.expose()
        ));
        if let Err(error) = self.program().run("erase", input.as_bytes()).await {
            tracing::warn!(
                error,
                "a credential helper was not told that its credentials were refused"
            );
        }
    }
}

fn read(name: &str, output: &[u8]) -> Result<Option<Credentials>, String> {
    let text = std::str::from_utf8(output).map_err(|_| format!("{name} answers with something other than text"))?;
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find_map(|(found, value)| (found == key).then_some(value))
    };
    if value("quit").is_some_and(|quit| matches!(quit, "1" | "true")) {
        return Ok(None);
    }
    match (value("username"), value("password")) {
        (_, None) => Ok(None),
        (_, Some("")) => Err(format!("{name} answers with an empty password")),
        (username, Some(password)) => Ok(Some(Credentials::Basic {
            username: username.unwrap_or_default().to_owned(),
            password: Secret::new(password),
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// Writes what it was asked into `asked`, and answers with the file `answer`.
    const HELPER: &str = "#!/bin/sh\n{ echo \"$1\"; cat; } >> \"$HOME/asked\"\n[ \"$1\" = get ] && cat \"$HOME/answer\"\n\
                          exec test -e \"$HOME/answer\"\n";

    fn helper(home: &Path) -> GitHelper {
        let program = home.join("git-credential-test");
        fs::write(&program, HELPER).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", home.display());
        let variables = [("PATH", path.as_str()), ("HOME", home.to_str().unwrap())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = Url::parse("https://git.example.com:8443/acme/releases.git").unwrap();
        GitHelper::new(
            &"test".to_owned().try_into().unwrap(),
            &url,
            Environment::Fixed(variables.into()),
            HelperLimits::default(),
        )
    }

    #[tokio::test]
    async fn a_helper_is_asked_and_told_as_git_does() {
        let home = tempfile::TempDir::new().unwrap();
        let helper = helper(home.path());
        fs::write(
            home.path().join("answer"),
            "protocol=https\nusername=robot\npassword=s=1\n",
        )
        .unwrap();
        let found = helper.get().await.unwrap();
        let Some(Credentials::Basic { username, password }) = found else {
            panic!("{found:?}");
        };
        assert_eq!((username.as_str(), password.expose()), ("robot", "s=1"));
        helper.refused(&GitCredentials { username, password }).await;
        let about = "protocol=https\nhost=git.example.com:8443\npath=acme/releases.git\n";
        assert_eq!(
            fs::read_to_string(home.path().join("asked")).unwrap(),
            format!("get\n{about}\nerase\n{about}username=robot\npassword=s=1\n\n")
        );
    }

    #[tokio::test]
    async fn a_helper_that_knows_nothing_and_one_that_fails_are_told_apart() {
        let home = tempfile::TempDir::new().unwrap();
        let helper = helper(home.path());
        let error = helper.get().await.unwrap_err();
        assert!(
            error.contains("git-credential-test ended with exit status: 1"),
            "{error}"
        );
        for (answer, none) in [("", true), ("quit=1\npassword=x\n", true), ("password=\n", false)] {
            fs::write(home.path().join("answer"), answer).unwrap();
            assert_eq!(helper.get().await == Ok(None), none, "{answer}");
        }
    }
}
