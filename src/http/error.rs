//! What can go wrong before an answer is whole.

use std::error::Error as _;
use std::time::Duration;

use reqwest::Method;
use thiserror::Error;
use url::Url;

use super::budget::Refused;
use super::network::ForbiddenAddress;
use super::redact::{redacted, shown};

/// A request that brought no answer, or not all of it. Neither query nor headers ever stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{method} {url}: {message}")]
pub struct HttpError {
    pub kind: HttpErrorKind,
    pub method: &'static str,
    pub url: String,
    pub message: String,
    /// How long the other side asked to be left alone.
    pub retry_after: Option<Duration>,
    transient: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpErrorKind {
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// No answer, or no more of it, in time.
    TimedOut,
    /// The connection broke.
    Interrupted,
    /// Larger than the limit.
    TooLarge,
    /// Not HTTP as it is prescribed.
    Malformed,
    /// Refused on this side: a redirect or address that landfall does not follow.
    NotAllowed,
    /// Not sent: the other side wants to be left alone for longer than is waited.
    Throttled,
}

impl HttpError {
    pub(super) fn new(kind: HttpErrorKind, method: &Method, url: &Url, message: impl Into<String>) -> Self {
        Self {
            kind,
            method: method_name(method),
            url: redacted(url),
            message: message.into(),
            retry_after: None,
            transient: matches!(kind, HttpErrorKind::Unreachable | HttpErrorKind::Interrupted),
        }
    }

    pub(super) fn throttled(refused: Refused, method: &Method, url: &Url) -> Self {
        let seconds = refused.retry_after.as_secs();
        let message = format!("not sent: the server asked to be left alone for {seconds} s more");
        Self {
            retry_after: Some(refused.retry_after),
            ..Self::new(HttpErrorKind::Throttled, method, url, message)
        }
    }

    pub(super) fn from_reqwest(error: reqwest::Error, method: &Method, url: &Url) -> Self {
        let error = error.without_url();
        if let Some(refused) = forbidden_address(&error) {
            return Self::new(HttpErrorKind::NotAllowed, method, url, refused.to_string());
        }
        let kind = if error.is_connect() {
            HttpErrorKind::Unreachable
        } else if error.is_timeout() {
            HttpErrorKind::TimedOut
        } else if error.is_builder() {
            HttpErrorKind::Malformed
        } else {
            HttpErrorKind::Interrupted
        };
        let cause = root_cause(&error);
        let message = match kind {
            HttpErrorKind::Unreachable if cause.contains("InvalidContentType") => {
                "the server does not speak TLS: a registry meant to be plain HTTP has to be configured so".to_owned()
            }
            HttpErrorKind::Unreachable if cause.contains("UnknownIssuer") => {
                "its certificate is signed by no trusted authority: configure the registry's CA".to_owned()
            }
            HttpErrorKind::Unreachable => format!("cannot connect: {cause}"),
            HttpErrorKind::TimedOut => "no answer in time".to_owned(),
            HttpErrorKind::Malformed => format!("not a request that can be sent: {cause}"),
            _ => format!("the connection broke: {cause}"),
        };
        let transient = !error.is_timeout();
        let error = Self::new(kind, method, url, message);
        Self {
            transient: transient && error.transient,
            ..error
        }
    }

    /// Whether the same request may well succeed a moment later. What has taken all its time already is not tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

fn forbidden_address(error: &reqwest::Error) -> Option<&ForbiddenAddress> {
    let mut source = error.source();
    while let Some(current) = source {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        source = current.source();
    }
    None
}

pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    shown(&cause.to_string())
}

/// A method's name as errors and logs show it.
#[must_use]
pub fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
