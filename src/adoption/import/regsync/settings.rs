//! What regsync is told besides, and what landfall does instead.

use crate::adoption::import::report::Report;
use crate::yaml::{Content, Key, Node};

/// A setting that regsync does not know either.
pub(super) fn unknown(key: &Key<'_>, within: &str, report: &mut Report) {
    let what = format!("{within}{}", key.text().escape_debug());
    report.note(key.at, what, "regsync knows no such setting, and neither does landfall");
}

/// Names only: whatever else stands there may be a secret.
pub(super) fn credentials(value: &Node<'_>, report: &mut Report) {
    for entry in report.list(value, "creds").unwrap_or_default() {
        let name = match &entry.content {
            Content::Mapping(fields) => fields.iter().find(|(key, _)| key.text() == "registry"),
            _ => None,
        };
        let name = name.and_then(|(_, value)| value.as_scalar());
        let name = name.map_or_else(|| "?".to_owned(), |name| name.text.escape_debug().to_string());
        let why = format!(
            "credentials and TLS settings are not copied: landfall uses Docker's logins, or `read`, `write`, `ca` and \
             `plain-http` under [registries.\"{name}\"] in config.toml"
        );
        report.note(entry.at, format!("creds of {name}"), why);
    }
}

/// Notes a setting that is not carried over; says whether regsync knows it.
pub(super) fn setting(key: &Key<'_>, value: &Node<'_>, within: &str, report: &mut Report) -> bool {
    const WHOLE: &str = "an image is copied as it is, with all its platforms: its digest and its signatures hold";
    const CARRIED: &str = "landfall carries referrers and cosign's tags with every image, within its limits";
    const VERIFIED: &str = "landfall verifies what it copied, always";
    let is_false = value.as_bool() == Some(false);
    let why = match key.text() {
        // What landfall does anyway is no loss.
        "digestTags" | "referrers" if !is_false => return true,
        "referrerSlow" | "fastCheck" | "forceRecursive" | "includeExternal" | "skipDockerConfig" if is_false => {
            return true;
        }
        "digestTags" | "referrers" | "referrerFilters" => CARRIED,
        "referrerSource" | "referrerTarget" => "referrers travel with their image, from its source to its place",
        "platform" | "platforms" => WHOLE,
        "referrerSlow" | "fastCheck" | "forceRecursive" => VERIFIED,
        "includeExternal" => "layers that stand at foreign URLs stay there",
        "mediaTypes" => "every image and index is copied, whatever its media type",
        "backup" => "nothing is set aside: what a tag stood on before is in Git's history, and stays in the registry",
        "interval" | "schedule" => {
            "a digest stays until a commit changes it; how often landfall looks is `observe.interval` in config.toml"
        }
        "ratelimit" => "landfall sends what a registry takes: it slows down by itself where one asks for it",
        "hooks" => "landfall runs no programs",
        "parallel" => "how much is done at once is `limits.concurrency` in config.toml",
        "blobLimit" | "cacheCount" | "cacheTime" => "landfall has limits of its own, `limits` in config.toml",
        "skipDockerConfig" => {
            "Docker's logins serve where config.toml has none: `read = { anonymous = true }` turns them off"
        }
        "userAgent" => "landfall says its own name",
        _ => return false,
    };
    report.note(key.at, format!("{within}{}", key.text()), why);
    true
}
