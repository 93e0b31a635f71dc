//! How a repository elsewhere is reached, and what it may take.

use std::future::{Future, ready};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::RemoteUrl;
use crate::http::{CertificateFiles, ClientOptions};
use crate::source::Options;

/// Everything that is said of a remote repository.
#[derive(Clone)]
pub struct RemoteOptions {
    pub url: RemoteUrl,
    /// The branch, and the folder within it.
    pub followed: Options,
    /// The folder for clones, which may be deleted at any time.
    pub clones: PathBuf,
    pub limits: FetchLimits,
    pub https: HttpsOptions,
    pub ssh: SshOptions,
}

/// For `https://`.
#[derive(Clone)]
pub struct HttpsOptions {
    pub login: Arc<dyn Login>,
    pub certificates: CertificateFiles,
    pub client: ClientOptions,
}

/// For `ssh://`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshOptions {
    pub identity: SshIdentity,
    pub hosts: KnownHosts,
    /// Where programs are looked for, and where an agent and a home are.
    pub environment: Vec<(String, String)>,
}

/// Who landfall is to the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SshIdentity {
    /// The keys of the agent that `SSH_AUTH_SOCK` names.
    #[default]
    Agent,
    /// A private key without password.
    File(PathBuf),
}

/// Which hosts are who they say they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KnownHosts {
    /// The files in which ssh itself keeps them: the user's and the machine's.
    #[default]
    Usual,
    File(PathBuf),
    /// This key alone, as a line of known_hosts has it after the host's name.
    Key(String),
}

/// What one look may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Of what is sent for one look.
    pub pack_bytes: u64,
    pub objects: u64,
    /// From its beginning to its end.
    pub time: Duration,
    /// For a connection.
    pub connect: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            pack_bytes: 1 << 30,
            objects: 2_000_000,
            time: Duration::from_secs(15 * 60),
            connect: Duration::from_secs(10),
        }
    }
}

/// What a login gives, and why it does not.
pub type LoginFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<HeaderValue>, String>> + Send + 'a>>;

/// What is done about credentials that were refused.
pub type RefusedFuture<'a> = Pin<Box<dyn Future<Output = Again> + Send + 'a>>;

/// Whether others may be had at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Yes,
    No,
}

/// Where the header `Authorization` comes from. It is asked for each look, so that what is rotated is picked up.
pub trait Login: Send + Sync {
    fn authorization(&self) -> LoginFuture<'_>;

    /// The host refused what was given last.
    fn refused(&self) -> RefusedFuture<'_> {
        Box::pin(ready(Again::No))
    }
}

/// No credentials at all.
pub struct NoLogin;

impl Login for NoLogin {
    fn authorization(&self) -> LoginFuture<'_> {
        Box::pin(ready(Ok(None)))
    }
}
