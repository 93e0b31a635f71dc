//! Who may ask what.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

/// What whoever comes over one listener may do.
#[derive(Clone)]
pub enum Access {
    /// Everything: the socket, whose peers are checked by the system.
    All,
    /// Looking only, and everything with this token.
    Read { token: Option<Token> },
}

/// The digest of a bearer token: the token itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::All => "all",
            Self::Read { token: None } => "read",
            Self::Read { token: Some(_) } => "read, or all with a token",
        })
    }
}

impl Access {
    /// Whether a request with these headers may change something.
    #[must_use]
    pub fn may_change(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::All => true,
            Self::Read { token: None } => false,
            Self::Read { token: Some(token) } => bearer(headers).is_some_and(|sent| {
                let Token(sent) = Token::new(sent);
                verify_slices_are_equal(&sent, &token.0).is_ok()
            }),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn only_the_token_lets_somebody_change_things_over_tcp() {
        let access = Access::Read {
            token: Some(Token::new("s3cret")),
        };
        assert!(access.may_change(&headers("Bearer s3cret")));
        assert!(access.may_change(&headers("bearer  s3cret ")));
        for wrong in ["Bearer s3cre", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cret2"] {
            assert!(!access.may_change(&headers(wrong)), "{wrong}");
        }
        assert!(!access.may_change(&HeaderMap::new()));
        assert!(!Access::Read { token: None }.may_change(&headers("Bearer s3cret")));
        assert!(Access::All.may_change(&HeaderMap::new()));
    }
}
