//! Who may do what.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::route::Route;
use super::token::{Grant, Tokens};

/// How clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// Everybody may do everything.
    #[default]
    Anonymous,
    /// User and password with each request.
    Basic(Credentials),
    /// Short-lived tokens from the registry's own `/token`, each for some repositories and actions
    /// (Docker's "Token Authentication Specification").
    Bearer {
        credentials: Credentials,
        /// Tokens for reading are given to everybody.
        anonymous_pull: bool,
    },
}

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Whether `Authorization: Basic` carries these. `None` where the header is not there.
    pub(super) fn match_header(&self, headers: &HeaderMap) -> Option<bool> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let given = header
            .strip_prefix("Basic ")
            .and_then(|encoded| BASE64.decode(encoded.trim()).ok());
        let expected = format!("{}:{}", self.user, self.password);
        Some(given.is_some_and(|given| verify_slices_are_equal(&given, expected.as_bytes()).is_ok()))
    }
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// By its path.
    Repository(String),
    /// The list of the registry's repositories.
    Catalog,
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(path) => write!(formatter, "repository:{path}"),
            Self::Catalog => formatter.write_str("registry:catalog"),
        }
    }
}

/// What a request needs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Pull,
    Push,
    Delete,
    All,
}

impl Action {
    pub const EACH: [Self; 4] = [Self::Pull, Self::Push, Self::Delete, Self::All];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }

    pub fn of(method: &Method, route: &Route<'_>) -> Self {
        match (method, route) {
            (_, Route::Upload(..) | Route::Uploads(_)) => Self::Push,
            (&Method::GET | &Method::HEAD, _) => Self::Pull,
            (&Method::DELETE, _) => Self::Delete,
            _ => Self::Push,
        }
    }
}

/// The challenge to answer a request with that may not be done as it came.
pub(super) fn refuse(
    access: &Access,
    tokens: &Tokens,
    headers: &HeaderMap,
    needed: &[(Resource, Action)],
) -> Option<String> {
    match access {
        Access::Anonymous => None,
        Access::Basic(credentials) => {
            let passed = credentials.match_header(headers) == Some(true);
            (!passed).then(|| r#"Basic realm="landfall""#.to_owned())
        }
        Access::Bearer { .. } => {
            let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
            let grants = header
                .and_then(|header| header.strip_prefix("Bearer "))
                .and_then(|token| tokens.grants(token));
            let holds = |grants: &[Grant]| {
                needed
                    .iter()
                    .all(|(resource, action)| grants.iter().any(|grant| grant.allows(resource, *action)))
            };
            match grants {
                Some(grants) if holds(&grants) => None,
                known => Some(tokens.challenge(needed, known.is_some())),
            }
        }
    }
}
