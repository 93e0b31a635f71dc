//! What landfall shows to registries.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::model::Prefix;

/// Text that is never shown and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Credentials for one registry or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Sent to the registry where it asks for Basic, to its token server where it asks for Bearer.
    Basic { username: String, password: Secret },
    /// A bearer token that the registry itself takes; sent with every request, exchanged for nothing.
    Token(Secret),
    /// A refresh token, which only a token server takes (distribution's OAuth2 specification, "Getting a token"), and a
    /// user name for servers that know it as a password only.
    Identity { username: String, token: Secret },
}

/// The user name of an identity token that comes without one, as the protocol of credential helpers writes it.
pub const IDENTITY_USER: &str = "<token>";

impl Credentials {
    /// The value of the `Authorization` header (RFC 7617, section 2; RFC 6750, section 2.1).
    ///
    /// # Errors
    /// Says why these credentials cannot be sent.
    pub(super) fn header(&self) -> Result<HeaderValue, String> {
        let text = match self {
            Self::Basic { username, .. } | Self::Identity { username, .. } if username.contains(':') => {
                return Err("the user name contains `:`, which no server can tell from the password".to_owned());
            }
            Self::Basic { username, password }
            | Self::Identity {
                username,
                token: password,
            } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
            }
            Self::Token(token) => Zeroizing::new(format!("Bearer {}", token.expose())),
        };
        sensitive(&text).ok_or_else(|| "the token contains characters that no header can carry".to_owned())
    }
}

/// A header value that is kept out of HTTP/2's tables and out of debug output.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Ends once a source has let go of what was refused.
pub type RefusedFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What a source has; nothing means that strangers are welcome, or nobody knows better.
pub type CredentialsFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Credentials>, String>> + Send + 'a>>;

/// Where credentials come from. It is asked each time they are needed, so that a rotated file is picked up; a source for
/// which that is dear keeps them, and lets go of what was refused.
///
/// [`Credentials`] are a source of themselves; so is a closure that returns them or says why it cannot.
pub trait CredentialSource: Send + Sync + 'static {
    /// The credentials for a repository, or for the catalog below a prefix. The error says, without the secret, why
    /// they cannot be told.
    fn credentials<'a>(&'a self, place: &'a Prefix) -> CredentialsFuture<'a>;

    /// These credentials were refused there: they are not to be given out again if there may be others.
    fn refused<'a>(&'a self, place: &'a Prefix, credentials: &'a Credentials) -> RefusedFuture<'a> {
        let _ = (place, credentials);
        Box::pin(std::future::ready(()))
    }
}

impl CredentialSource for Credentials {
    fn credentials<'a>(&'a self, _: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }
}

impl<F> CredentialSource for F
where
    F: Fn() -> Result<Credentials, String> + Send + Sync + 'static,
{
    fn credentials<'a>(&'a self, _: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(self().map(Some)))
    }
}

/// The decision to show nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anonymous;

impl CredentialSource for Anonymous {
    fn credentials<'a>(&'a self, _: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::Basic {
            username: "robot".to_owned(),
            password: Secret::new("hunter2"),
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
        let header = credentials.header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic cm9ib3Q6aHVudGVyMg==");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn credentials_that_cannot_be_sent_say_why() {
        let basic = Credentials::Basic {
            username: "a:b".to_owned(),
            password: Secret::new(""),
        };
        assert!(basic.header().unwrap_err().contains("user name"));
        assert!(Credentials::Token(Secret::new("a\nb")).header().is_err());
    }
}
