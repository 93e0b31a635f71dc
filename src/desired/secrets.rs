//! Secrets do not belong into Git: keys that would hold one.

use super::code;
use super::finding::{Finding, quoted};

/// Keys that hold secrets are never shown with their values.
pub(super) fn secret(key: &str) -> Option<Finding> {
    const SECRETS: [&str; 7] = [
        "private-key",
        "private_key",
        "password",
        "password-file",
        "token",
        "secret",
        "credentials",
    ];
    SECRETS.contains(&key).then(|| {
        Finding::error(code::SECRET_IN_GIT, format!("{} does not belong into Git", quoted(key))).help(
            "write it into config.toml, the runtime configuration, which stands outside this repository; \
                   a secret that was committed is no longer one: replace it",
        )
    })
}
