//! What is shown to a registry.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::header::HeaderValue;

use super::token::Slot;
use crate::registry::access::Access;
use crate::registry::credentials::Credentials;
use crate::registry::{ErrorKind, RegistryError};

/// What is shown to a registry with one request.
#[derive(Debug, Clone)]
pub(in crate::registry) struct Authorization {
    pub(in crate::registry) header: Option<HeaderValue>,
    pub(super) by: By,
}

#[derive(Debug, Clone)]
pub(super) enum By {
    Nothing,
    Basic,
    /// A token that was configured, not fetched.
    Fixed,
    Fetched {
        slot: Arc<Slot>,
        generation: u64,
    },
}

impl Authorization {
    pub(super) const NOTHING: Self = Self {
        header: None,
        by: By::Nothing,
    };

    pub(in crate::registry) fn is_nothing(&self) -> bool {
        matches!(self.by, By::Nothing)
    }

    /// The body without the secrets that were sent: a server may echo them in its errors.
    pub(in crate::registry) fn scrub(&self, body: Bytes) -> Bytes {
        let Some((_, secret)) = self
            .header
            .as_ref()
            .and_then(|header| header.to_str().ok())
            .and_then(|text| text.split_once(' '))
        else {
            return body;
        };
        let decoded = BASE64_STANDARD
            .decode(secret)
            .ok()
            .and_then(|pair| String::from_utf8(pair).ok());
        let password = decoded
            .as_deref()
            .filter(|_| matches!(self.by, By::Basic))
            .and_then(|pair| pair.split_once(':'))
            .map_or("", |(_, password)| password);
        let mut text = String::from_utf8_lossy(&body).into_owned();
        for hidden in [secret, password] {
            // Shorter ones occur in any text, and striking them out would show what they are.
            if hidden.len() >= 6 {
                text = text.replace(hidden, "(secret)");
            }
        }
        text.into()
    }

    /// Credentials shown as they are.
    pub(super) fn direct(access: &Access<'_>, credentials: Option<&Credentials>) -> Result<Self, RegistryError> {
        let Some(credentials) = credentials else {
            return Ok(Self::NOTHING);
        };
        let header = credentials.header().map_err(|message| {
            access.error(
                ErrorKind::Denied,
                format!("{} cannot be used: {message}", access.shown_credentials()),
            )
        })?;
        Ok(Self {
            header: Some(header),
            by: match credentials {
                Credentials::Basic { .. } | Credentials::Identity { .. } => By::Basic,
                Credentials::Token(_) => By::Fixed,
            },
        })
    }
}
