//! Requests to one host: with credentials, within limits, each failure told apart.

use std::sync::Arc;

use bytes::Bytes;
use gix_transport::client::blocking_io::http::Transport;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use url::Url;

use super::super::error::shown;
use super::super::look::{Look, Reach};
use super::super::options::{Again, FetchLimits, HttpsOptions, Login};
use super::super::{Fault, RemoteUrl};
use crate::http::{
    Answer, ClientOptions, Home, HttpClient, HttpError, HttpErrorKind, Request, Retries, RetryPolicy, TrustOptions,
    retry_after,
};

/// One connection, kept from look to look. Blocking: it has a runtime of its own, and must not be used within another.
pub struct Line {
    /// Always there but while it is dropped.
    runtime: Option<Runtime>,
    client: HttpClient,
    pub(super) home: Home,
    login: Arc<dyn Login>,
}

impl Line {
    /// # Errors
    /// Certificates that cannot be used, a system that gives no runtime.
    pub fn new(url: &Url, options: &HttpsOptions, limits: FetchLimits) -> Result<Self, String> {
        let defaults = ClientOptions::default();
        let mut client = HttpClient::new(ClientOptions {
            // Looks are repeated by their own schedule.
            retries: RetryPolicy {
                attempts: 1,
                refusals: 0,
                patience: std::time::Duration::ZERO,
                ..defaults.retries
            },
            timeouts: crate::http::Timeouts {
                connect: limits.connect,
                // Between two pieces a host may count objects.
                idle: limits.time.min(std::time::Duration::from_secs(120)),
                commit: limits.time,
                ..options.client.timeouts
            },
            ..options.client.clone()
        });
        let trust = client.add_trust(TrustOptions {
            certificates: options.certificates.clone(),
            ..TrustOptions::default()
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            runtime: Some(runtime),
            client,
            home: Home {
                url: url.clone(),
                trust,
            },
            login: Arc::clone(&options.login),
        })
    }

    pub(super) fn wait<T>(&self, look: &Look, doing: &'static str, work: impl Future<Output = T>) -> Result<T, Fault> {
        let Some(runtime) = &self.runtime else {
            return Err(look.timed_out(doing));
        };
        runtime
            .block_on(async { timeout(look.left(), work).await })
            .map_err(|_| look.timed_out(doing))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Dropping one would wait for it, which is forbidden where another runtime runs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// How one look uses the connection.
#[derive(Clone)]
pub struct Smart {
    pub(super) line: Arc<Line>,
    pub(super) look: Arc<Look>,
    authorization: Option<HeaderValue>,
    /// The repository's URL as redirects left it.
    pub(super) base: Url,
}

impl Reach for Arc<Line> {
    type Transport = Transport<Smart>;

    fn open(&self, look: &Arc<Look>) -> Result<Self::Transport, Fault> {
        let authorization = self
            .wait(look, "getting credentials", self.login.authorization())?
            .map_err(|reason| Fault::Login { reason })?;
        let smart = Smart {
            line: Self::clone(self),
            look: Arc::clone(look),
            authorization,
            base: self.home.url.clone(),
        };
        let url = gix::url::parse(self.home.url.as_str()).map_err(|error| Fault::NotAllowed {
            reason: error.to_string(),
        })?;
        Ok(Transport::new_http(smart, url, gix_transport::Protocol::V2, false))
    }

    fn moved(&self, transport: &Self::Transport, from: &RemoteUrl) -> Option<String> {
        use gix_transport::client::TransportWithoutIO as _;
        let now = transport.to_url().to_string();
        (now != from.to_string()).then_some(now)
    }
}

impl Smart {
    pub(super) fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Result<Answer, Fault> {
        let is_home = url.origin() == self.line.home.url.origin();
        let mut request = Request::new(method, url, &self.line.home);
        request.headers = headers;
        request.body = body;
        // Whatever a redirect said, credentials go to the host they are for.
        request.authorization = self.authorization.clone().filter(|_| is_home);
        let policy = &self.line.client.options().retries;
        let sent = async {
            let mut retries = Retries::new(policy);
            self.line.client.open(&request, &mut retries).await
        };
        let answer = self
            .line
            .wait(&self.look, "asking the host", sent)?
            .map_err(|error| fault_of(&error, &self.look))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.refusal(&answer))
    }

    fn refusal(&self, answer: &Answer) -> Fault {
        let wait = retry_after(&answer.headers, Timestamp::now());
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
                if answer.url.origin() != self.line.home.url.origin() =>
            {
                Fault::MovedElsewhere {
                    to: base_of(&answer.url)
                        .map_or_else(|| crate::http::redacted(&answer.url), |base| base.to_string()),
                }
            }
            StatusCode::UNAUTHORIZED if self.authorization.is_none() => Fault::NoCredentials,
            StatusCode::UNAUTHORIZED => Fault::WrongCredentials,
            StatusCode::FORBIDDEN if self.authorization.is_none() => Fault::NoCredentials,
            // GitHub throttles with it, too.
            StatusCode::FORBIDDEN if wait.is_some() => Fault::Throttled { retry_after: wait },
            StatusCode::FORBIDDEN => Fault::Forbidden,
            StatusCode::NOT_FOUND | StatusCode::GONE => Fault::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Fault::Throttled { retry_after: wait },
            status if status.is_server_error() => Fault::Unavailable {
                status: status.as_u16(),
                retry_after: wait,
            },
            status => Fault::NotGit {
                reason: format!("it answers {status}"),
            },
        }
    }

    pub(super) fn fetch(&mut self, url: &str, headers: HeaderMap) -> Result<Answer, Fault> {
        let url = Url::parse(url).map_err(|error| Fault::NotAllowed {
            reason: error.to_string(),
        })?;
        let sent = match self.send(Method::GET, url.clone(), headers.clone(), Bytes::new()) {
            // A token may have ended before its time.
            Err(Fault::WrongCredentials) => {
                let again = self
                    .line
                    .wait(&self.look, "giving credentials back", self.line.login.refused())?;
                if again == Again::No {
                    return Err(Fault::WrongCredentials);
                }
                self.authorization = self
                    .line
                    .wait(&self.look, "getting credentials", self.line.login.authorization())?
                    .map_err(|reason| Fault::Login { reason })?;
                self.send(Method::GET, url, headers, Bytes::new())?
            }
            sent => sent?,
        };
        self.base = base_of(&sent.url).ok_or_else(|| Fault::NotAllowed {
            reason: format!(
                "it redirects to {}, which is no repository's",
                crate::http::redacted(&sent.url)
            ),
        })?;
        Ok(sent)
    }
}

/// The repository's URL, from that of its list of references.
fn base_of(url: &Url) -> Option<Url> {
    let path = url.path().strip_suffix("/info/refs")?.to_owned();
    let mut base = url.clone();
    base.set_path(&path);
    base.set_query(None);
    base.set_fragment(None);
    Some(base)
}

pub(super) fn fault_of(error: &HttpError, look: &Look) -> Fault {
    let reason = shown(&error.message);
    match error.kind {
        HttpErrorKind::Unreachable if reason.contains("certificate") => Fault::Certificate { reason },
        HttpErrorKind::Unreachable => Fault::Unreachable { reason },
        HttpErrorKind::TimedOut if look.left().is_zero() => look.timed_out("the look"),
        HttpErrorKind::TimedOut | HttpErrorKind::Interrupted => Fault::CutOff { reason },
        HttpErrorKind::TooLarge => Fault::TooLarge {
            limit: look.limits.pack_bytes,
            key: "pack",
        },
        HttpErrorKind::Malformed => Fault::NotGit { reason },
        HttpErrorKind::NotAllowed => Fault::NotAllowed { reason },
        HttpErrorKind::Throttled => Fault::Throttled {
            // Less was not asked for by the host: the client holds back by itself after 503.
            retry_after: error.retry_after.filter(|wait| wait.as_secs() > 0),
        },
    }
}

/// What gix gives as `Name: value`.
pub(super) fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    lines
        .into_iter()
        .filter_map(|line| {
            let (name, value) = line.as_ref().split_once(':')?;
            let name: HeaderName = name.trim().parse().ok()?;
            // The client has its own.
            (name != "user-agent").then_some(())?;
            Some((name, value.trim().parse().ok()?))
        })
        .collect()
}
