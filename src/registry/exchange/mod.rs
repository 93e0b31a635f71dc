//! One question to a registry, its challenges answered.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;

use super::access::Access;
use super::auth::{Authorization, is_too_narrow};
use super::classify;
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use crate::http::{Answer, Follow, Lane, Reply, Request, Retries};

/// A question, or a write whose body is in memory.
pub(super) struct Ask<'a> {
    pub(super) access: &'a Access<'a>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    lane: Lane,
    limit: usize,
    once: bool,
    follow: Follow,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, access: &'a Access<'a>, url: Url) -> Self {
        Self {
            access,
            lane: Lane::of(&method),
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limit: access.limits.answer,
            once: false,
            follow: Follow::All,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// The most bytes that the answer may have.
    pub(super) fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Not repeated, also where the registry refused it for the time being: by then it may be another request that is
    /// wanted.
    pub(super) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    pub(super) fn follow(mut self, follow: Follow) -> Self {
        self.follow = follow;
        self
    }

    pub(super) fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The answer is a blob.
    pub(super) fn download(self) -> Self {
        self.lane(Lane::Download)
    }
}

/// An answer and what was shown for it.
pub(super) struct Opened {
    pub(super) answer: Answer,
    authorization: Authorization,
}

impl Opened {
    /// Reads the whole answer, as [`discreet`].
    pub(super) async fn read(self, limit: usize) -> Result<Reply, RegistryError> {
        let reply = self.answer.read(limit).await?;
        discreet(reply, &self.authorization)
    }
}

impl HttpRegistries {
    /// Asks and reads the answer, whatever its status but 401. GET and HEAD are repeated after passing faults.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, RegistryError> {
        let mut retries = self.retries(ask);
        loop {
            match self.exchange(ask, &mut retries).await?.read(ask.limit).await {
                Err(error) if error.kind == ErrorKind::Interrupted && retries.again().await => {}
                other => return other,
            }
        }
    }

    /// Asks and leaves the answer's body to come.
    pub(super) async fn open(&self, ask: &Ask<'_>) -> Result<Opened, RegistryError> {
        self.exchange(ask, &mut self.retries(ask)).await
    }

    fn retries(&self, ask: &Ask<'_>) -> Retries {
        match ask.method {
            Method::GET | Method::HEAD => Retries::new(&self.http.options().retries),
            _ if ask.once => Retries::none(),
            _ => Retries::of_refusals(&self.http.options().retries),
        }
    }

    async fn exchange(&self, ask: &Ask<'_>, retries: &mut Retries) -> Result<Opened, RegistryError> {
        let access = ask.access;
        let mut authorization = self.auth.authorization(&self.http, access).await?;
        let mut challenges = 0;
        loop {
            let request = Request {
                method: ask.method.clone(),
                url: ask.url.clone(),
                headers: ask.headers.clone(),
                authorization: authorization.header.clone(),
                body: ask.body.clone(),
                home: &access.home,
                lane: ask.lane,
                line: access.line(),
                budget: access.setting.budget,
                follow: ask.follow,
            };
            let answer = self.http.open(&request, retries).await?;
            let status = answer.status;
            // Only the registry itself may ask for credentials, and only it says what is forbidden or missing.
            let at_home = !answer.elsewhere;
            let opened = Opened {
                answer,
                authorization: authorization.clone(),
            };
            // Some say 403 to a token that is too narrow, as RFC 6750 has it; most say 401.
            let challenged = status == StatusCode::UNAUTHORIZED
                || (status == StatusCode::FORBIDDEN && at_home && is_too_narrow(&opened.answer.headers));
            if challenged {
                // Read to its end before anything else is asked: it holds a place that a token may need.
                let reply = opened.read(access.limits.answer).await?;
                let next = if at_home && challenges < 2 {
                    challenges += 1;
                    let again = challenges > 1;
                    self.auth
                        .answer_challenge(&self.http, access, &reply.headers, &authorization, again)
                        .await?
                } else {
                    None
                };
                match next {
                    Some(next) => authorization = next,
                    None => {
                        self.auth.discard(&authorization).await;
                        return Err(denied(access, &reply));
                    }
                }
            } else if matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
                && at_home
                && authorization.is_nothing()
                && access.has_credentials()
                && self.auth.is_unknown(access)
            {
                drop(opened);
                self.introduce(access).await?;
                authorization = self.auth.authorization(&self.http, access).await?;
            } else {
                return Ok(opened);
            }
        }
    }

    /// Asks a registry how it wants to be authenticated to. Registries hide from strangers what is private: "not there"
    /// is none as long as we have credentials that we have not shown.
    async fn introduce(&self, access: &Access<'_>) -> Result<(), RegistryError> {
        let mut retries = Retries::new(&self.http.options().retries);
        let mut request = Request::new(Method::GET, access.home.url.clone(), &access.home);
        request.line = access.line();
        request.budget = access.setting.budget;
        let reply = self.http.fetch(&request, access.limits.answer, &mut retries).await?;
        if reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(classify::failure(&reply));
        }
        let asks = reply.status == StatusCode::UNAUTHORIZED && !reply.elsewhere;
        let headers = if asks { &reply.headers } else { &HeaderMap::new() };
        self.auth.learn(access, headers)
    }
}

/// An error's body is freed of what we sent: some servers echo it. Where they lead to a URL with that in it, nobody goes:
/// it would be shown and logged by all on the way.
pub(super) fn discreet(mut reply: Reply, authorization: &Authorization) -> Result<Reply, RegistryError> {
    if reply.status.is_client_error() || reply.status.is_server_error() {
        reply.bytes = authorization.secrets().strike_body(reply.bytes);
    }
    if let Some(location) = reply.header(LOCATION)
        && let Ok(url) = reply.url.join(location)
        && authorization.secrets().stand_in(&url)
    {
        let message = "the registry leads to a URL with the credentials in it that were sent";
        return Err(classify::error(&reply, ErrorKind::NotAllowed, message));
    }
    Ok(reply)
}

/// The error for a 401 that nothing answers any more.
fn denied(access: &Access<'_>, reply: &Reply) -> RegistryError {
    let credentials = access.shown_credentials();
    RegistryError {
        kind: ErrorKind::Denied,
        message: if reply.elsewhere {
            "what the registry redirects to asks for credentials".to_owned()
        } else if is_too_narrow(&reply.headers) {
            let scopes: Vec<String> = access.scopes.values().collect();
            format!(
                "{credentials} do not suffice: the registry wants a token for `{}`, and the token server grants less",
                scopes.join(" ")
            )
        } else if access.has_credentials() {
            format!("{credentials} are refused")
        } else {
            format!("the registry wants {credentials}, and none are configured")
        },
        ..classify::failure(reply)
    }
}

#[cfg(test)]
mod tests;
