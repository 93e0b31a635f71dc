//! Sending requests.

use std::fmt;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use tokio::time::{Instant, timeout};
use url::Url;

use super::answer::{Answer, Reply};
use super::budget::{Budgets, Lane, Place};
use super::connector::{Connectors, Trust, TrustOptions};
use super::error::{HttpError, HttpErrorKind, method_name};
use super::options::ClientOptions;
use super::redact::redacted;
use super::redirect::{self, MAX_REDIRECTS};
use super::request::Request;
use super::retry::Retries;

/// Sends requests to any host within time-outs and budgets.
pub struct HttpClient {
    options: ClientOptions,
    pub(super) connectors: Connectors,
    budgets: Budgets,
}

impl HttpClient {
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            budgets: Budgets::new(options.concurrency),
            connectors: Connectors::new(options.clone()),
            options,
        }
    }

    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Adds what counts beside the system's authorities and the public network wherever the returned trust is used.
    ///
    /// # Errors
    /// Says which file cannot be used, and why.
    pub fn add_trust(&mut self, options: TrustOptions) -> Result<Trust, String> {
        self.connectors.add_trust(options)
    }

    /// Sends a request and returns the answer, whatever its status. GET and HEAD follow redirects, and are repeated
    /// after passing faults for as long as `retries` allow.
    pub async fn open(&self, request: &Request<'_>, retries: &mut Retries) -> Result<Answer, HttpError> {
        loop {
            let result = self.follow(request).await;
            let passing = match &result {
                Ok(answer) => answer.is_transient(),
                Err(error) => error.is_transient(),
            };
            if !(passing && request.is_read() && retries.again().await) {
                return result;
            }
        }
    }

    /// Like [`Self::open`], and reads the answer's body, of at most `limit` bytes.
    pub async fn fetch(&self, request: &Request<'_>, limit: usize, retries: &mut Retries) -> Result<Reply, HttpError> {
        loop {
            let read = self.open(request, retries).await?.read(limit).await;
            match read {
                Err(error) if error.is_transient() && request.is_read() && retries.again().await => {}
                other => return other,
            }
        }
    }

    async fn follow(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        let mut url = request.url.clone();
        let mut elsewhere = false;
        for _ in 0..=MAX_REDIRECTS {
            let mut answer = self.exchange(request, &url, elsewhere).await?;
            answer.elsewhere = elsewhere;
            let follows =
                request.follow && request.is_read() && matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            if !follows {
                return Ok(answer);
            }
            let refuse = |message: String| HttpError::new(HttpErrorKind::NotAllowed, &request.method, &url, message);
            let Some(location) = answer.header(LOCATION) else {
                let message = "redirects to nowhere";
                return Err(HttpError::new(HttpErrorKind::Malformed, &request.method, &url, message));
            };
            let next = redirect::target(&url, location).map_err(refuse)?;
            answer.discard().await;
            elsewhere |= next.origin() != request.url.origin();
            url = next;
        }
        Err(HttpError::new(
            HttpErrorKind::NotAllowed,
            &request.method,
            &request.url,
            format!("redirects more than {MAX_REDIRECTS} times"),
        ))
    }

    async fn exchange(&self, request: &Request<'_>, url: &Url, elsewhere: bool) -> Result<Answer, HttpError> {
        let client = self.connectors.client(&request.method, url, request.home).await?;
        let place = self.budgets.acquire(url, request.lane).await;
        let mut message = self.message(request, url);
        if elsewhere {
            message.headers_mut().remove(AUTHORIZATION);
        }
        let length = request.body.len();
        if !request.is_read() {
            message.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        if length > 0 {
            *message.body_mut() = Some(request.body.clone().into());
        }
        let patience = if request.is_read() {
            self.options.timeouts.head
        } else {
            self.options.timeouts.commit
        };
        let started = Instant::now();
        let sent = match timeout(patience, client.execute(message)).await {
            Ok(sent) => sent.map_err(|error| HttpError::from_reqwest(error, &request.method, url)),
            Err(_) => Err(HttpError::new(
                HttpErrorKind::TimedOut,
                &request.method,
                url,
                "no answer in time",
            )),
        };
        self.answered(&request.method, url, started, sent, place)
    }

    /// The head of a request, with every header but those about its body.
    pub(super) fn message(&self, request: &Request<'_>, url: &Url) -> reqwest::Request {
        let mut message = reqwest::Request::new(request.method.clone(), url.clone());
        *message.headers_mut() = request.headers.clone();
        if let Some(authorization) = &request.authorization {
            message.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        message
    }

    /// Records how an exchange went.
    pub(super) fn answered(
        &self,
        method: &Method,
        url: &Url,
        started: Instant,
        sent: Result<reqwest::Response, HttpError>,
        place: Place,
    ) -> Result<Answer, HttpError> {
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let name = method_name(method);
        let shown = redacted(url);
        match sent {
            Ok(response) => {
                tracing::debug!(
                    method = name,
                    url = shown,
                    status = response.status().as_u16(),
                    elapsed_ms,
                    "answered"
                );
                Ok(Answer {
                    method: method.clone(),
                    url: url.clone(),
                    elsewhere: false,
                    status: response.status(),
                    headers: response.headers().clone(),
                    response,
                    timeouts: self.options.timeouts,
                    _place: place,
                })
            }
            Err(error) => {
                tracing::debug!(
                    method = name,
                    url = shown,
                    elapsed_ms,
                    error = error.message,
                    "not answered"
                );
                Err(error)
            }
        }
    }

    /// Waits for a place at the host of `url`, for an [`Self::upload`].
    pub async fn reserve(&self, url: &Url, lane: Lane) -> Place {
        self.budgets.acquire(url, lane).await
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpClient")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
