//! How a repository, or the list of a registry's repositories, is reached: where, by what trust, with which credentials,
//! for which actions.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use url::Url;

use super::auth::Scopes;
use super::credentials::{CredentialSource, Credentials};
use super::error::{ErrorKind, RegistryError};
use super::options::Setting;
use crate::http::{Home, Line};
use crate::model::{Limits, Prefix, Registry, Repository, RepositoryPath};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Read,
    Write,
}

/// What a request is about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Repository(&'a Repository),
    /// The list of the registry's repositories, wanted for those below this prefix.
    Catalog(&'a Prefix),
}

/// One repository, or a registry's list of them, for one purpose.
pub(super) struct Access<'a> {
    subject: Subject<'a>,
    /// What credentials are asked for.
    place: Prefix,
    /// The source of the credentials has said that there are none.
    stranger: AtomicBool,
    pub(super) setting: &'a Setting,
    pub(super) mode: Mode,
    pub(super) scopes: Scopes,
    /// The registry's `/v2/`.
    pub(super) home: Home,
    pub(super) limits: &'a Limits,
}

impl<'a> Access<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        setting: &'a Setting,
        mode: Mode,
        limits: &'a Limits,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            subject: Subject::Repository(repository),
            place: Prefix::below(repository.clone()),
            stranger: AtomicBool::new(false),
            setting,
            mode,
            scopes: match mode {
                Mode::Read => Scopes::pull(&repository.path),
                Mode::Write => Scopes::push(&repository.path),
            },
            home: home(&repository.registry, setting)?,
            limits,
        })
    }

    /// For reading the list of the registry's repositories, with the credentials of those below `prefix`.
    pub(super) fn catalog(prefix: &'a Prefix, setting: &'a Setting, limits: &'a Limits) -> Result<Self, RegistryError> {
        Ok(Self {
            subject: Subject::Catalog(prefix),
            place: prefix.clone(),
            stranger: AtomicBool::new(false),
            setting,
            mode: Mode::Read,
            scopes: Scopes::catalog(),
            home: home(&prefix.registry, setting)?,
            limits,
        })
    }

    pub(super) fn and_pull(mut self, path: &RepositoryPath) -> Self {
        self.scopes = self.scopes.and_pull(path);
        self
    }

    /// Also for deleting, which token servers count apart.
    pub(super) fn and_delete(mut self) -> Self {
        if let Subject::Repository(repository) = self.subject {
            self.scopes = self.scopes.and_delete(&repository.path);
        }
        self
    }

    /// Without a scope: for the registry's `/v2/` itself.
    pub(super) fn without_scopes(mut self) -> Self {
        self.scopes = Scopes::default();
        self
    }

    /// The URL of `rest` (path and query) in this repository; for a catalog, in the registry.
    pub(super) fn url(&self, rest: &str) -> Url {
        let mut url = self.home.url.clone();
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        match self.subject {
            Subject::Repository(repository) => url.set_path(&format!("/v2/{}/{path}", repository.path.as_str())),
            Subject::Catalog(_) => url.set_path(&format!("/v2/{path}")),
        }
        url.set_query(query);
        url
    }

    /// Who waits together where requests have to wait.
    pub(super) fn line(&self) -> Line {
        match self.subject {
            Subject::Repository(repository) => Line::of(repository),
            Subject::Catalog(prefix) => Line::of(prefix),
        }
    }

    fn source(&self) -> Option<&dyn CredentialSource> {
        match self.mode {
            Mode::Read => self.setting.read.as_deref(),
            Mode::Write => self.setting.write.as_deref(),
        }
    }

    /// Whether there is something to show, as far as is known.
    pub(super) fn has_credentials(&self) -> bool {
        self.source().is_some() && !self.stranger.load(Ordering::Relaxed)
    }

    pub(super) fn place(&self) -> &Prefix {
        &self.place
    }

    /// The credentials as they are now.
    pub(super) async fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        let Some(source) = self.source() else {
            return Ok(None);
        };
        let found = source.credentials(&self.place).await.map_err(|message| {
            let message = format!("{} cannot be read: {message}", self.shown_credentials());
            self.error(ErrorKind::Denied, message)
        })?;
        self.note_stranger(found.is_none());
        Ok(found)
    }

    /// Remembers whether this request goes without credentials.
    pub(super) fn note_stranger(&self, stranger: bool) {
        self.stranger.store(stranger, Ordering::Relaxed);
    }

    /// Tells their source that these credentials were refused.
    pub(super) async fn refuse(&self, credentials: &Credentials) {
        if let Some(source) = self.source() {
            source.refused(&self.place, credentials).await;
        }
    }

    /// Names the credentials for people.
    pub(super) fn shown_credentials(&self) -> String {
        let purpose = match self.mode {
            Mode::Read => "read",
            Mode::Write => "write",
        };
        match (&self.setting.prefix, &self.subject) {
            _ if self.has_credentials() && self.setting.stored => {
                format!("the stored login for `{}`", self.place.registry)
            }
            (Some(prefix), _) if self.has_credentials() => format!("the {purpose} credentials of `{prefix}`"),
            (_, Subject::Repository(repository)) => format!("{purpose} credentials for `{repository}`"),
            (_, Subject::Catalog(prefix)) => {
                format!("{purpose} credentials for the catalog of `{}`", prefix.registry)
            }
        }
    }

    /// An error before the registry itself was asked, or about what it told us to do.
    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> RegistryError {
        RegistryError::new(kind, &Method::GET, &self.home.url, message)
    }
}

/// The registry's `/v2/`.
fn home(registry: &Registry, setting: &Setting) -> Result<Home, RegistryError> {
    let scheme = if setting.plain_http { "http" } else { "https" };
    let text = format!("{scheme}://{}/v2/", registry.connect_to());
    let url = Url::parse(&text).map_err(|error| RegistryError {
        kind: ErrorKind::Unreachable,
        method: "GET",
        url: text,
        status: None,
        code: None,
        message: format!("the registry's name is no host: {error}"),
        retry_after: None,
    })?;
    Ok(Home {
        url,
        trust: setting.trust,
    })
}
