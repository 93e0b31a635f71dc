//! What is to be sent, and on whose word.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::budget::{BudgetId, Lane, Line};
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
    /// By default that of the method's kind.
    pub lane: Lane,
    /// Who it waits with, where it has to wait.
    pub line: Line,
    /// What it counts against at its home; at other hosts, and where there is none, the host's own budget.
    pub budget: Option<BudgetId>,
    /// Redirects are followed for GET and HEAD only.
    pub follow: Follow,
}

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    None,
    /// Those to the same thing elsewhere: "See Other" (303) to another host leads to something else (RFC 9110, 15.4.4).
    ToTheSame,
    All,
}

impl<'a> Request<'a> {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, home: &'a Home) -> Self {
        Self {
            lane: Lane::of(&method),
            line: Line::default(),
            budget: None,
            method,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Bytes::new(),
            home,
            follow: Follow::All,
        }
    }

    /// What it counts against at `url`, to which it may have been redirected.
    pub(super) fn budget_at(&self, url: &Url) -> Option<BudgetId> {
        self.budget.filter(|_| url.origin() == self.home.url.origin())
    }

    /// Whether an answer with this status that leads to `next` is followed.
    pub(super) fn follows(&self, status: StatusCode, next: Option<&Url>) -> bool {
        let leads = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let allowed = match self.follow {
            Follow::None => false,
            Follow::ToTheSame => {
                status != StatusCode::SEE_OTHER || next.is_some_and(|next| next.origin() == self.url.origin())
            }
            Follow::All => true,
        };
        leads && allowed && self.is_read()
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}
