//! From the configuration to the desired-state repository, here or elsewhere.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::AssemblyError;
use crate::config::{Config, SshSettings};
use crate::credentials::{GitCredentials, GitLogins};
use crate::http::{CertificateFiles, ClientCertificate, ClientOptions};
use crate::model::CommitId;
use crate::source::remote::{
    Again, Fault, FetchLimits, HttpsOptions, KnownHosts, Login, LoginFuture, NoLogin, RefusedFuture, Remote,
    RemoteError, RemoteOptions, RemoteUrl, SshIdentity, SshOptions, Wanted,
};
use crate::source::{GitRepository, Location, Options, Repository, SourceError, SubPath};

/// What a repository is opened for.
#[derive(Debug, Clone, Copy)]
pub enum Opening<'a> {
    /// To be looked at once, at these revisions, or at its newest commit where there are none.
    Once(&'a [&'a str]),
    /// To be followed: what is here of it already will do, until more can be had.
    Lasting,
}

/// The repository of this name, else the one of the configuration, else the current directory.
///
/// # Errors
/// Where it cannot be opened, or cannot be reached and is not here either.
pub fn repository(named: Option<&str>, config: &Config, opening: Opening<'_>) -> Result<Repository, AssemblyError> {
    let here = Path::new(".");
    let location = match (named, &config.git.url) {
        (Some(text), _) => Location::parse(text, here),
        (None, Some(text)) => Location::parse(text, &config.git.base),
        (None, None) => Location::parse(".", here),
    }
    .map_err(AssemblyError::Location)?;
    let options = Options {
        branch: config.git.branch.clone(),
        folder: SubPath::parse(&config.git.folder).map_err(AssemblyError::Location)?,
        limits: config.limits,
    };
    match location {
        Location::Local(path) => GitRepository::open(&path, options)
            .map(|repository| Repository::Local(Arc::new(repository)))
            .map_err(AssemblyError::Repository),
        Location::Remote(url) => {
            let remote = Remote::new(remote_options(url, options, config)?).map_err(AssemblyError::Repository)?;
            look(&remote, opening)?;
            Ok(Repository::Remote(Arc::new(remote)))
        }
    }
}

fn look(remote: &Remote, opening: Opening<'_>) -> Result<(), AssemblyError> {
    let unreachable = |error: RemoteError| AssemblyError::Repository(SourceError::Remote(Box::new(error)));
    match opening {
        Opening::Lasting => match remote.look(Wanted::Nothing) {
            Err(error) if remote.repository().is_ok() => {
                tracing::warn!(%error, "the clone that is here is used until the repository can be looked at");
                Ok(())
            }
            looked => looked.map(drop).map_err(unreachable),
        },
        Opening::Once([]) => remote.look(Wanted::Nothing).map(drop).map_err(unreachable),
        Opening::Once(revisions) => revisions
            .iter()
            .try_for_each(|revision| look_at(remote, revision).map(drop).map_err(unreachable)),
    }
}

fn look_at(remote: &Remote, revision: &str) -> Result<(), RemoteError> {
    let commit: Option<CommitId> = revision.parse().ok();
    if let Some(commit) = commit {
        return remote.look(Wanted::Commit(commit)).map(drop);
    }
    // What is more than a name is found among the commits that came.
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./+#".contains(c);
    if revision == "HEAD" || !revision.chars().all(is_name) {
        return remote.look(Wanted::Nothing).map(drop);
    }
    let is_abbreviation = revision.len() >= 4 && revision.chars().all(|c| c.is_ascii_hexdigit());
    match remote.look(Wanted::Branch(revision)) {
        Err(error) if is_abbreviation && matches!(error.fault, Fault::NoSuchBranch { .. }) => {
            remote.look(Wanted::Nothing).map(drop)
        }
        looked => looked.map(drop),
    }
}

fn remote_options(url: RemoteUrl, followed: Options, config: &Config) -> Result<RemoteOptions, AssemblyError> {
    let git = &config.git;
    let client = ClientOptions {
        proxy: git.proxy.clone(),
        ..ClientOptions::default()
    };
    let login: Arc<dyn Login> = match (&git.login, &url) {
        (Some(login), RemoteUrl::Http(at)) => {
            let logins = GitLogins::new(login, at, &config.environment, &client).map_err(|reason| {
                let fault = Fault::Login { reason };
                AssemblyError::Location(SourceError::Remote(Box::new(RemoteError {
                    url: url.to_string(),
                    fault,
                })))
            })?;
            Arc::new(HostLogin {
                logins,
                given: Mutex::default(),
            })
        }
        _ => Arc::new(NoLogin),
    };
    let defaults = FetchLimits::default();
    Ok(RemoteOptions {
        followed,
        clones: config.storage.cache.join("git"),
        limits: FetchLimits {
            pack_bytes: git.limits.pack.unwrap_or(defaults.pack_bytes),
            objects: git.limits.objects.unwrap_or(defaults.objects),
            time: git.limits.time.unwrap_or(defaults.time),
            connect: git.limits.connect.unwrap_or(defaults.connect),
        },
        https: HttpsOptions {
            login,
            certificates: CertificateFiles {
                authorities: git.ca.clone(),
                client: git.client.as_ref().map(|client| ClientCertificate {
                    certificate: client.certificate.clone(),
                    key: client.key.clone(),
                }),
            },
            client,
        },
        ssh: ssh_options(&git.ssh, config),
        url,
    })
}

/// What ssh gets to see of this process's environment.
const SSH_VARIABLES: [&str; 5] = ["PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"];

fn ssh_options(settings: &SshSettings, config: &Config) -> SshOptions {
    let environment = SSH_VARIABLES.into_iter().filter_map(|name| {
        let value = config.environment.get(name)?.into_string().ok()?;
        Some((name.to_owned(), value))
    });
    SshOptions {
        identity: match &settings.key {
            Some(key) => SshIdentity::File(key.clone()),
            None => SshIdentity::Agent,
        },
        hosts: match (&settings.host_key, &settings.known_hosts) {
            (Some(key), _) => KnownHosts::Key(key.clone()),
            (None, Some(file)) => KnownHosts::File(file.clone()),
            (None, None) => KnownHosts::Usual,
        },
        environment: environment.collect(),
    }
}

/// The configuration's login, as the header that a Git host takes.
struct HostLogin {
    logins: Arc<GitLogins>,
    given: Mutex<Option<GitCredentials>>,
}

impl Login for HostLogin {
    fn authorization(&self) -> LoginFuture<'_> {
        Box::pin(async {
            let found = self.logins.get().await?;
            let header = found.as_ref().map(header).transpose()?;
            *self.given.lock().await = found;
            Ok(header)
        })
    }

    fn refused(&self) -> RefusedFuture<'_> {
        Box::pin(async {
            let given = self.given.lock().await.clone();
            match given {
                Some(given) if self.logins.refused(&given).await => Again::Yes,
                _ => Again::No,
            }
        })
    }
}

fn header(credentials: &GitCredentials) -> Result<HeaderValue, String> {
    let pair = Zeroizing::new(format!("{}:{}", credentials.username, credentials.password.expose()));
    let basic = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&basic).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
