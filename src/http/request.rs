//! What is to be sent, and on whose word.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

use super::budget::Lane;
use super::connector::Trust;

/// The server on whose word a request is sent. What it names elsewhere (redirects, realms, upload sessions) is
/// contacted with the same trust, and only in the public network or its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub url: Url,
    pub trust: Trust,
}

/// A request, its body in memory.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Sent to the host of `url` and, whatever redirects say, to no other.
    pub authorization: Option<HeaderValue>,
    pub body: Bytes,
    pub home: &'a Home,
    pub lane: Lane,
    /// Redirects are followed for GET and HEAD only, and only if this is set.
    pub follow: bool,
}

impl<'a> Request<'a> {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, home: &'a Home) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Bytes::new(),
            home,
            lane: Lane::Request,
            follow: true,
        }
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}
