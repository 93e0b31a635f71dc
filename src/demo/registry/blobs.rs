//! `/v2/NAME/blobs/DIGEST`

use std::ops::Range;

use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::answer::{Answer, CONTENT_DIGEST};
use super::server::unsupported;
use crate::model::{Digest, Repository};
use crate::sim::registry::{Refusal, RefusalCode, Service};

const CONTENT: &str = "application/octet-stream";

pub(super) fn answer(
    service: &Service,
    repository: &Repository,
    digest: &str,
    parts: &Parts,
) -> Result<Answer, Refusal> {
    let digest = parse_digest(digest)?;
    let unknown = || Refusal::new(RefusalCode::BlobUnknown, format!("blob {digest} is not known"));
    match parts.method {
        Method::HEAD => {
            let size = service.head_blob(repository, &digest).ok_or_else(unknown)?;
            Ok(found(StatusCode::OK, &digest)
                .header(CONTENT_TYPE, CONTENT)
                .header(CONTENT_LENGTH, size))
        }
        Method::GET => {
            let bytes = service.blob(repository, &digest).ok_or_else(unknown)?.bytes;
            let asked = parts.headers.get(RANGE).and_then(|range| range.to_str().ok());
            Ok(
                match asked.map_or(Wanted::Whole, |range| Wanted::parse(range, bytes.len())) {
                    Wanted::Whole => found(StatusCode::OK, &digest).body(CONTENT, bytes),
                    Wanted::Part(part) => {
                        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
                        let answer = found(StatusCode::PARTIAL_CONTENT, &digest).header(CONTENT_RANGE, range);
                        answer.body(CONTENT, bytes.slice(part))
                    }
                    Wanted::Outside => {
                        let refusal = Refusal::new(RefusalCode::SizeInvalid, "the range lies outside the blob");
                        let range = format!("bytes */{}", bytes.len());
                        Answer::refusal(&refusal.with_status(416)).header(CONTENT_RANGE, range)
                    }
                },
            )
        }
        Method::DELETE => {
            service.delete_blob(repository, &digest)?;
            Ok(Answer::new(StatusCode::ACCEPTED))
        }
        _ => Err(unsupported(&parts.method)),
    }
}

pub(super) fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    text.parse()
        .map_err(|error| Refusal::new(RefusalCode::DigestInvalid, format!("{error}")))
}

fn found(status: StatusCode, digest: &Digest) -> Answer {
    Answer::new(status)
        .header(CONTENT_DIGEST, digest)
        .header(ACCEPT_RANGES, "bytes")
}

/// What part of a blob a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<usize>),
    Outside,
}

impl Wanted {
    /// RFC 9110, "Range Requests". A header that is not understood, or that names several ranges, is ignored, as the RFC
    /// allows.
    fn parse(header: &str, length: usize) -> Self {
        let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Self::Whole;
        };
        let part = match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
            (Ok(first), Err(_)) if last.is_empty() => first..length,
            (Err(_), Ok(count)) if first.is_empty() => length.saturating_sub(count)..length,
            _ => return Self::Whole,
        };
        if part.start < part.end {
            Self::Part(part)
        } else {
            Self::Outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_blob() {
        let parse = |header| Wanted::parse(header, 10);
        assert_eq!(parse("bytes=0-3"), Wanted::Part(0..4));
        assert_eq!(parse("bytes=5-"), Wanted::Part(5..10));
        assert_eq!(parse("bytes=8-99"), Wanted::Part(8..10));
        assert_eq!(parse("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(parse("bytes=10-"), Wanted::Outside);
        assert_eq!(parse("bytes=-0"), Wanted::Outside);
        for ignored in ["bytes=3-1", "bytes=0-1,4-5", "lines=1-2", "bytes=x-y", "bytes=-"] {
            assert_eq!(parse(ignored), Wanted::Whole, "{ignored}");
        }
    }
}
