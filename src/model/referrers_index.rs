//! What stands under a fallback tag, read as the index of referrers that it should be.
//!
//! Registries exist that answer the tag `sha256-<hex>` with the manifest `sha256:<hex>` itself, and anybody can put an
//! image there. What is no valid index of referrers means that there are none (OCI distribution specification,
//! "Referrers Tag Schema"); it is never merged into.

use serde_json::Value;
use thiserror::Error;

use super::manifest::media_type;
use super::{Descriptor, Digest, Limits, Manifest, ManifestError, ManifestKind};

/// Why it is no index of referrers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotReferrers {
    #[error("the image itself")]
    Subject,
    #[error("an image")]
    Image,
    #[error("a list of an image's platforms")]
    Platforms,
    /// Neither image nor index, by what it says itself.
    #[error("something of type `{0}`")]
    Other(String),
    /// Nothing can be said of it: it may be an index, and not to be read now.
    #[error("{0}")]
    Unreadable(ManifestError),
}

impl NotReferrers {
    /// Whether it is certainly something else, so that there are no referrers under the tag.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::Unreadable(_))
    }
}

/// The entries of the index that stands under the fallback tag of `subject`.
///
/// # Errors
/// Where it is no index of referrers.
pub fn referrers_index(
    bytes: &[u8],
    content_type: Option<&str>,
    subject: &Digest,
    limits: &Limits,
) -> Result<Vec<Descriptor>, NotReferrers> {
    if Digest::of(bytes) == *subject {
        return Err(NotReferrers::Subject);
    }
    let manifest = Manifest::parse(bytes, content_type, limits).map_err(|error| match error {
        ManifestError::MediaType(media_type) => NotReferrers::Other(media_type),
        error => match said_type(bytes) {
            Some(media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST) => NotReferrers::Image,
            _ => NotReferrers::Unreadable(error),
        },
    })?;
    if manifest.kind == ManifestKind::Image {
        return Err(NotReferrers::Image);
    }
    let platforms = manifest.manifests.iter().all(|entry| entry.platform.is_some());
    if manifest.media_type != media_type::OCI_INDEX || (platforms && !manifest.manifests.is_empty()) {
        return Err(NotReferrers::Platforms);
    }
    Ok(manifest.manifests)
}

/// The type of image that something unreadable gives itself.
fn said_type(bytes: &[u8]) -> Option<&'static str> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let said = document.get("mediaType")?.as_str()?;
    [media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST]
        .into_iter()
        .find(|known| *known == said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(entries: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{entries}]}}"#,
            media_type::OCI_INDEX
        )
    }

    fn entry(more: &str) -> String {
        let digest = Digest::of(b"entry");
        format!(r#"{{"mediaType":"m","digest":"{digest}","size":5{more}}}"#)
    }

    fn read(text: &str) -> Result<usize, NotReferrers> {
        let subject = Digest::of(b"subject");
        referrers_index(text.as_bytes(), None, &subject, &Limits::default()).map(|entries| entries.len())
    }

    #[test]
    fn an_index_of_referrers_is_read() {
        assert_eq!(read(&index("")), Ok(0));
        assert_eq!(read(&index(&entry(""))), Ok(1));
        let mixed = format!("{},{}", entry(""), entry(r#","platform":{"os":"linux"}"#));
        assert_eq!(read(&index(&mixed)), Ok(2));
    }

    #[test]
    fn the_subject_itself_lists_nothing_even_where_it_is_an_index() {
        let text = index(&entry(""));
        let subject = Digest::of(text.as_bytes());
        let found = referrers_index(text.as_bytes(), None, &subject, &Limits::default());
        assert_eq!(found, Err(NotReferrers::Subject));
    }

    #[test]
    fn what_says_itself_that_it_is_something_else_is_certainly_no_index() {
        let typed = |media_type: &str, rest: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}"{rest}}}"#);
        let config = format!(r#","config":{}"#, entry(""));
        for (text, what) in [
            (typed(media_type::OCI_MANIFEST, &config), NotReferrers::Image),
            (typed(media_type::OCI_MANIFEST, ""), NotReferrers::Image),
            (
                typed(media_type::DOCKER_LIST, r#","manifests":[]"#),
                NotReferrers::Platforms,
            ),
            (index(&entry(r#","platform":{"os":"linux"}"#)), NotReferrers::Platforms),
            (
                r#"{"mediaType":"application/vnd.example+json"}"#.to_owned(),
                NotReferrers::Other("application/vnd.example+json".to_owned()),
            ),
        ] {
            assert_eq!(read(&text), Err(what.clone()), "{text}");
            assert!(what.is_certain());
        }
    }

    #[test]
    fn of_what_may_be_an_index_nothing_is_said() {
        let twice = r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
        for text in ["", "<html>", r#"{"errors":[]}"#, "{}", r#"{"schemaVersion":1}"#, twice] {
            assert!(!read(text).unwrap_err().is_certain(), "{text}");
        }
    }
}
