//! Sending requests.

use std::fmt;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use tokio::time::{Instant, timeout};
use url::Url;

use super::answer::{Answer, Reply};
use super::budget::{BudgetId, BudgetLimits, Budgets, Lane, Line, Place};
use super::connector::{Connectors, Trust, TrustOptions};
use super::error::{HttpError, HttpErrorKind, method_name};
use super::least_rate::Pace;
use super::options::ClientOptions;
use super::redact::redacted;
use super::redirect::{self, MAX_REDIRECTS};
use super::request::{Home, Request};
use super::retry::Retries;
use super::secrets::Secrets;

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
            budgets: Budgets::new(options.concurrency, options.retries.patience),
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

    /// Adds a budget, for the requests that name it.
    pub fn add_budget(&mut self, limits: &BudgetLimits) -> BudgetId {
        self.budgets.add(limits)
    }

    /// Sends a request and returns the answer, whatever its status. GET and HEAD follow redirects, and are repeated
    /// after passing faults; and every request after it was refused as one too many; for as long as `retries` allow.
    pub async fn open(&self, request: &Request<'_>, retries: &mut Retries) -> Result<Answer, HttpError> {
        loop {
            let result = self.follow(request).await;
            let again = match &result {
                Ok(answer) if answer.is_refused() => answer.place.is_worth_waiting() && retries.after_refusal(),
                Ok(answer) => answer.is_transient() && request.is_read() && retries.again().await,
                Err(error) => error.is_transient() && request.is_read() && retries.again().await,
            };
            if !again {
                return result;
            }
            if let Ok(answer) = result {
                answer.discard().await;
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
            let leads_to = answer.header(LOCATION).map(|location| redirect::target(&url, location));
            if !request.follows(answer.status, leads_to.as_ref().and_then(|next| next.as_ref().ok())) {
                return Ok(answer);
            }
            let refuse = |message: String| HttpError::new(HttpErrorKind::NotAllowed, &request.method, &url, message);
            let Some(next) = leads_to else {
                let message = "redirects to nowhere";
                return Err(HttpError::new(HttpErrorKind::Malformed, &request.method, &url, message));
            };
            let next = next.map_err(refuse)?;
            if Secrets::of(request.authorization.as_ref()).stand_in(&next) {
                return Err(refuse(
                    "redirects to a URL with the credentials in it that were sent".to_owned(),
                ));
            }
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
        let place = self.place(request, url, request.lane).await?;
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
        mut place: Place,
    ) -> Result<Answer, HttpError> {
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let name = method_name(method);
        let shown = redacted(url);
        match sent {
            Ok(response) => {
                place.answered(response.status(), response.headers());
                tracing::trace!(
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
                    pace: Pace::new(self.options.timeouts.least_rate),
                    place,
                })
            }
            Err(error) => {
                tracing::trace!(
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

    /// Waits for a place to send several requests from ([`Lane::Upload`], [`Lane::Turn`]), at their home.
    ///
    /// # Errors
    /// Where the budget has gone meanwhile.
    pub async fn reserve(
        &self,
        home: &Home,
        budget: Option<BudgetId>,
        lane: Lane,
        line: Line,
    ) -> Result<Place, HttpError> {
        let method = if lane == Lane::Turn { Method::PUT } else { Method::POST };
        self.budgets
            .acquire(&home.url, budget, lane, line)
            .await
            .map_err(|refused| HttpError::throttled(refused, &method, &home.url))
    }

    /// Waits until the request may be sent to `url`.
    pub(super) async fn place(&self, request: &Request<'_>, url: &Url, lane: Lane) -> Result<Place, HttpError> {
        self.budgets
            .acquire(url, request.budget_at(url), lane, request.line)
            .await
            .map_err(|refused| HttpError::throttled(refused, &request.method, url))
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
