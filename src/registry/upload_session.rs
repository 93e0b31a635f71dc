//! What registries say of an upload that is under way.

use reqwest::header::{HeaderName, LOCATION, RANGE};
use url::Url;

use super::access::Access;
use super::classify::error;
use super::error::{ErrorKind, RegistryError};
use crate::http::{Reply, on_origin_of};

/// "The minimum chunk size" (OCI distribution specification, "Pushing a blob in chunks").
const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// Where the session that an answer opens or continues goes on. It may be relative, or on another host; never less
/// encrypted.
pub(super) fn location(reply: &Reply, access: &Access<'_>) -> Result<Url, RegistryError> {
    let refuse = |kind: ErrorKind, message: &str| error(reply, kind, message);
    let location = reply.header(LOCATION).ok_or_else(|| {
        refuse(
            ErrorKind::Malformed,
            "the registry opens an upload and does not say where",
        )
    })?;
    let url = reply
        .url
        .join(location)
        .map_err(|_| refuse(ErrorKind::Malformed, "the registry's upload location is no URL"))?;
    if let Some(own) = on_origin_of(&access.home.url, &url) {
        return Ok(own);
    }
    let lowered = access.home.url.scheme() == "https" && url.scheme() != "https";
    if lowered || !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            ErrorKind::NotAllowed,
            "the registry's upload location is less safe than the registry",
        ));
    }
    Ok(url)
}

/// How many bytes the registry says that it has. `Range` names the first and the last of them; of no bytes and of one
/// alike it is `0-0` (OCI distribution specification, "Pushing a blob in chunks").
pub(super) fn received(reply: &Reply) -> Option<u64> {
    let text = reply.header(RANGE)?;
    let text = text
        .strip_prefix("bytes")
        .map_or(text, |rest| rest.trim_start_matches(['=', ' ']));
    let (first, last) = text.split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    match (first.trim(), last) {
        ("0", 0) => Some(0),
        ("0", last) => last.checked_add(1),
        _ => None,
    }
}

pub(super) fn smallest_chunk(reply: &Reply) -> Option<u64> {
    reply.header(OCI_CHUNK_MIN_LENGTH)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{Method, StatusCode};

    fn reply(range: &str) -> Reply {
        Reply {
            method: Method::GET,
            url: "https://example.com/upload".parse().unwrap(),
            elsewhere: false,
            status: StatusCode::NO_CONTENT,
            headers: [(RANGE, range.parse().unwrap())].into_iter().collect(),
            bytes: bytes::Bytes::new(),
        }
    }

    #[test]
    fn a_range_is_what_the_registry_has() {
        for (range, expected) in [
            ("0-0", Some(0)),
            ("0-9", Some(10)),
            ("bytes=0-9", Some(10)),
            ("bytes 0-9", Some(10)),
            ("5-9", None),
            ("9", None),
            ("0--1", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(received(&reply(range)), expected, "{range}");
        }
    }
}
