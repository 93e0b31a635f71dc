//! The desired-state repository: where it is, and how it is reached where it is elsewhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::scalar::{Count, Period, Size};
use super::{ClientCertificate, ConfigError, GitLogin};
use crate::model::CommitId;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct GitKeys {
    /// The desired-state repository: a path, or a URL that begins with https://, ssh:// or file://. Where left out: what
    /// `--repo` names, else the current directory.
    #[schemars(extend("examples" = ["https://git.example.com/acme/releases.git", "/srv/releases.git"]))]
    pub url: Option<String>,
    /// The branch to follow. Where left out: the one that HEAD points to.
    #[schemars(extend("examples" = ["main"]))]
    pub branch: Option<String>,
    /// The folder in the repository that holds landfall.toml. Where left out: its root.
    #[schemars(extend("examples" = ["registries"]))]
    pub path: Option<String>,
    /// How often to look for commits, beside being told of them.
    #[schemars(extend("default" = "1m", "examples" = ["30s"]))]
    pub interval: Option<Period>,
    /// The commit to begin with: what came before is not looked at.
    #[schemars(with = "String")]
    #[schemars(extend("examples" = ["0123456789abcdef0123456789abcdef01234567"]))]
    pub floor: Option<CommitId>,
    /// How to log in over https. Where left out: not at all.
    #[schemars(extend("examples" = [{ "token-file": "secrets/git" }]))]
    pub login: Option<GitLogin>,
    /// A file of certificate authorities (PEM) that count beside the system's. It is read again when it changes.
    #[schemars(extend("examples" = ["certificates/git-ca.pem"]))]
    pub ca: Option<PathBuf>,
    /// A file with the certificate (PEM) that is shown to the host, and those that lead to its authority.
    #[schemars(extend("examples" = ["certificates/client.pem"]))]
    pub client_certificate: Option<PathBuf>,
    /// The file with that certificate's private key (PEM, not encrypted).
    #[schemars(extend("examples" = ["certificates/client.key"]))]
    pub client_key: Option<PathBuf>,
    /// The proxy to reach the host through, over https. Where left out: the one that HTTPS_PROXY names.
    #[schemars(extend("examples" = ["http://proxy.example.com:3128"]))]
    pub proxy: Option<String>,
    /// How to reach it over ssh.
    #[schemars(extend("examples" = [{ "key": "secrets/git-key", "known-hosts": "known_hosts" }]))]
    pub ssh: SshKeys,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct SshKeys {
    /// A file with a private key that has no password. Where left out: the keys of the agent that SSH_AUTH_SOCK names.
    #[schemars(extend("examples" = ["secrets/git-key"]))]
    pub key: Option<PathBuf>,
    /// A file of known hosts, which counts alone. Where left out: those that ssh itself keeps, the user's and the machine's.
    #[schemars(extend("examples" = ["known_hosts"]))]
    pub known_hosts: Option<PathBuf>,
    /// The host's public key, which counts alone.
    #[schemars(extend("examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"]))]
    pub host_key: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct GitLimitKeys {
    /// Bytes that one look may bring.
    #[schemars(extend("default" = "1 GiB", "examples" = ["64 MiB"]))]
    pub pack: Option<Size>,
    /// Commits, folders and files, in all their versions, that one look may bring.
    #[schemars(extend("default" = 2_000_000, "examples" = [100_000]))]
    pub objects: Option<Count>,
    /// How long one look may take.
    #[schemars(extend("default" = "15m", "examples" = ["2m"]))]
    pub time: Option<Period>,
    /// For a connection.
    #[schemars(extend("default" = "10s", "examples" = ["5s"]))]
    pub connect: Option<Period>,
}

/// The desired-state repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSettings {
    /// As it is written; a relative path is meant from `base`.
    pub url: Option<String>,
    pub base: PathBuf,
    pub branch: Option<String>,
    /// The folder that holds `landfall.toml`, as it is written; empty for the repository's root.
    pub folder: String,
    /// How often to look for commits, beside being told of them.
    pub interval: Duration,
    pub floor: Option<CommitId>,
    /// How to log in over https.
    pub login: Option<GitLogin>,
    pub ca: Option<PathBuf>,
    pub client: Option<ClientCertificate>,
    pub proxy: Option<Url>,
    pub ssh: SshSettings,
    pub limits: GitLimits,
}

/// How to reach the repository over ssh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshSettings {
    pub key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    /// The host's key, as a known_hosts file has it after the host's name.
    pub host_key: Option<String>,
}

/// What one look at it may take; where none, the defaults of those who look hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GitLimits {
    pub pack: Option<u64>,
    pub objects: Option<u64>,
    pub time: Option<Duration>,
    pub connect: Option<Duration>,
}

const INTERVAL: Duration = Duration::from_secs(60);

impl GitSettings {
    pub(super) fn resolve(keys: &GitKeys, limits: &GitLimitKeys, folder: &Path) -> Result<Self, ConfigError> {
        let bad = |reason: &str| ConfigError::Git {
            reason: reason.to_owned(),
        };
        let client = match (&keys.client_certificate, &keys.client_key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: folder.join(certificate),
                key: folder.join(key),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(bad("a `client-certificate` needs its `client-key`")),
            (None, Some(_)) => return Err(bad("a `client-key` needs its `client-certificate`")),
        };
        let period = |value: Option<Period>| value.map(|period| period.0);
        Ok(Self {
            url: keys.url.clone(),
            base: folder.to_owned(),
            branch: keys.branch.clone(),
            folder: keys.path.clone().unwrap_or_default(),
            interval: period(keys.interval).unwrap_or(INTERVAL),
            floor: keys.floor,
            login: keys.login.as_ref().map(|login| login.based_at(folder)),
            ca: keys.ca.as_ref().map(|ca| folder.join(ca)),
            client,
            proxy: keys
                .proxy
                .as_deref()
                .map(proxy)
                .transpose()
                .map_err(|reason| bad(&reason))?,
            ssh: keys.ssh.resolve(folder).map_err(bad)?,
            limits: GitLimits {
                pack: limits.pack.map(|size| size.0),
                objects: limits.objects.map(|count| count.0),
                time: period(limits.time),
                connect: period(limits.connect),
            },
        })
    }
}

impl SshKeys {
    fn resolve(&self, folder: &Path) -> Result<SshSettings, &'static str> {
        if self.known_hosts.is_some() && self.host_key.is_some() {
            return Err("expected `known-hosts` or `host-key` under [git.ssh], not both");
        }
        if let Some(key) = &self.host_key {
            let mut words = key.split_ascii_whitespace();
            let is_kind = |word: &str| ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| word.starts_with(kind));
            let is_base64 = |word: &str| {
                word.len() > 32
                    && word
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
            };
            if !words.next().is_some_and(is_kind) || !words.next().is_some_and(is_base64) || key.contains(['\n', '\r'])
            {
                return Err(
                    "`host-key` under [git.ssh] is no public key: expected what `ssh-keyscan HOST` prints after the host's \
                     name, such as `ssh-ed25519 AAAA…`",
                );
            }
        }
        Ok(SshSettings {
            key: self.key.as_ref().map(|key| folder.join(key)),
            known_hosts: self.known_hosts.as_ref().map(|file| folder.join(file)),
            host_key: self.host_key.clone(),
        })
    }
}

fn proxy(text: &str) -> Result<Url, String> {
    let shape = "`proxy` under [git] is no proxy's URL: expected one such as http://proxy.example.com:3128";
    let url = Url::parse(text).map_err(|_| shape.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(shape.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "`proxy` under [git] holds credentials, which do not stand in this file: leave it out and set HTTPS_PROXY"
                .to_owned(),
        );
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::parse;

    fn git(text: &str) -> Result<GitSettings, String> {
        parse(text).map(|config| config.git).map_err(|error| error.to_string())
    }

    #[test]
    fn files_are_found_from_the_configuration() {
        let text = "[git]\nca = 'ca.pem'\nclient-certificate = 'c.pem'\nclient-key = 'c.key'\n\
                    [git.ssh]\nkey = 'id'\nknown-hosts = '/etc/known'\n[limits.git]\npack = '1 MiB'\ntime = '2m'\n";
        let git = git(text).unwrap();
        assert_eq!(git.ca.as_deref(), Some(Path::new("/etc/landfall/ca.pem")));
        assert_eq!(git.client.unwrap().key, Path::new("/etc/landfall/c.key"));
        assert_eq!(git.ssh.key.as_deref(), Some(Path::new("/etc/landfall/id")));
        assert_eq!(git.ssh.known_hosts.as_deref(), Some(Path::new("/etc/known")));
        assert_eq!(git.limits.pack, Some(1 << 20));
        assert_eq!(git.limits.time, Some(Duration::from_secs(120)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, message) in [
            ("[git]\nclient-key = 'a'", "needs its `client-certificate`"),
            ("[git]\nproxy = 'socks'", "no proxy's URL"),
            (
                "[git]\nproxy = 'http://me:hunter2@proxy.example.com'",
                "do not stand in this file",
            ),
            ("[git.ssh]\nhost-key = 'AAAA'", "`ssh-keyscan HOST` prints"),
            (
                "[git.ssh]\nknown-hosts = 'a'\nhost-key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5'",
                "not both",
            ),
        ] {
            let error = git(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
