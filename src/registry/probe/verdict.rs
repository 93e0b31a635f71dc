//! From an answer, or an error, to what it says of an ability.

use crate::http::Reply;
use crate::model::Knowledge;
use crate::registry::classify;
use crate::registry::{ErrorKind, RegistryError};

impl RegistryError {
    /// What a refusal says of an ability: that there is none, where the registry understood the request and refused it;
    /// anything else, and what is missing, is only a reason not to know.
    #[must_use]
    pub fn inability(&self) -> Knowledge {
        match self.kind {
            _ if self.code.as_deref() == Some("NAME_UNKNOWN") => Knowledge::unknown(self.short()),
            ErrorKind::Unsupported | ErrorKind::Refused => Knowledge::probed(false, self.short()),
            _ => Knowledge::unknown(self.short()),
        }
    }

    /// Without method and URL, for where these are plain.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.message.clone();
        match (self.status, &self.code) {
            (Some(status), Some(code)) => text.push_str(&format!(" ({status} {code})")),
            (Some(status), None) => text.push_str(&format!(" ({status})")),
            _ => {}
        }
        text
    }
}

/// Whether an answer means that the registry has no such route, or does not do this at any time.
pub(super) fn lacks_route(reply: &Reply) -> bool {
    let error = classify::failure(reply);
    match reply.status.as_u16() {
        // Denied for now, not for ever.
        _ if matches!(error.kind, ErrorKind::Denied | ErrorKind::Throttled) => false,
        405 | 501 => true,
        // Text, a page, or a code that says so: no registry has understood the question.
        404 => matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Malformed),
        400 | 406 => error.kind == ErrorKind::Unsupported,
        _ => false,
    }
}

/// Reads an unexpected answer as [`RegistryError::inability`] does.
pub(super) fn unexpected(reply: &Reply) -> Knowledge {
    classify::failure(reply).inability()
}
