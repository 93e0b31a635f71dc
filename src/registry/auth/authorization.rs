//! What is shown to a registry.

use std::sync::Arc;

use reqwest::header::HeaderValue;

use super::token::Slot;
use crate::http::Secrets;
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

    /// What must not be shown of what was sent.
    pub(in crate::registry) fn secrets(&self) -> Secrets {
        Secrets::of(self.header.as_ref())
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
