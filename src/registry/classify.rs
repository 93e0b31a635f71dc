//! What an answer that is no success means.
//!
//! Real registries, on what is missing: distribution, zot, Quay, GitLab, GitHub, Gitea, Amazon's and Google's answer 404
//! with an envelope whose code the specification names; Harbor says `NOT_FOUND`; go-containerregistry's sends its
//! envelope as text/plain. A route that a registry does not have gives plain text (distribution) or HTML (whatever
//! stands in front of it): that says nothing about what was asked for.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};

use super::envelope::Envelope;
use super::error::{ErrorKind, RegistryError};
use crate::http::{HttpError, HttpErrorKind, Reply, retry_after};

/// Whether a registry that understood the question says that the thing is not there.
///
/// HEAD has no body to tell by; there, text is not believed, because a registry's router and whatever stands in front
/// answer so as well (and go-containerregistry's registry, which GET then tells from them). A redirect may lead to another
/// registry, which says so with a code, or to storage, whose 404 contradicts the registry that sent us there.
pub(super) fn is_absence(reply: &Reply) -> bool {
    if reply.status != StatusCode::NOT_FOUND || is_html(reply) {
        return false;
    }
    let text = reply
        .media_type()
        .is_some_and(|media_type| media_type.starts_with("text/"));
    let bare = reply.bytes.is_empty() && !reply.elsewhere && !(reply.method == Method::HEAD && text);
    bare || Envelope::parse(&reply.bytes).is_some_and(|envelope| envelope.is_absence())
}

/// A HEAD answered 404 by something that may not be a registry, refused by storage to which the registry signed a way
/// for GET alone (Amazon's S3 and Google's then answer 403), or forbidden though GET is not (ECR Public, behind proxies):
/// to be asked again by GET, which tells.
pub(super) fn is_doubtful(reply: &Reply) -> bool {
    reply.method == Method::HEAD
        && match reply.status {
            StatusCode::NOT_FOUND => !is_absence(reply),
            StatusCode::FORBIDDEN => true,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => reply.elsewhere,
            _ => false,
        }
}

pub(super) fn is_html(reply: &Reply) -> bool {
    matches!(
        reply.media_type().as_deref(),
        Some("text/html" | "application/xhtml+xml")
    )
}

/// The error for an answer with a status that the question does not expect.
pub(super) fn failure(reply: &Reply) -> RegistryError {
    let envelope = Envelope::parse(&reply.bytes);
    let has = |codes: &[&str]| envelope.as_ref().is_some_and(|envelope| envelope.has(codes));
    let status = reply.status.as_u16();
    let kind = match status {
        429 => ErrorKind::Throttled,
        500 => ErrorKind::Server,
        501 => ErrorKind::Unsupported,
        502.. => ErrorKind::Server,
        ..=399 => ErrorKind::Malformed,
        _ if has(&["TOOMANYREQUESTS"]) => ErrorKind::Throttled,
        401 | 403 => ErrorKind::Denied,
        _ if has(&["UNAUTHORIZED", "DENIED"]) => ErrorKind::Denied,
        // 415: it does not take this type of manifest, and will not take it next time.
        405 | 415 => ErrorKind::Unsupported,
        _ if has(&["UNSUPPORTED"]) => ErrorKind::Unsupported,
        408 => ErrorKind::TimedOut,
        _ if has(&["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"]) => ErrorKind::Missing,
        404 if envelope.is_none() => ErrorKind::Malformed,
        _ => ErrorKind::Refused,
    };
    RegistryError {
        kind,
        code: envelope.as_ref().and_then(Envelope::code).map(str::to_owned),
        retry_after: retry_after(&reply.headers, Timestamp::now()),
        ..error(reply, kind, message(reply, envelope.as_ref()))
    }
}

fn message(reply: &Reply, envelope: Option<&Envelope>) -> String {
    if let Some(message) = envelope.and_then(Envelope::message) {
        return format!("the registry says: {message}");
    }
    match reply.status.as_u16() {
        300..400 => "an unexpected redirect".to_owned(),
        404 if envelope.is_none() => "404 from something that does not answer as a registry does".to_owned(),
        _ => match reply.status.canonical_reason() {
            Some(reason) => format!("the registry answers `{reason}`"),
            None => "an unexpected answer".to_owned(),
        },
    }
}

/// An error about an answer.
pub(super) fn error(reply: &Reply, kind: ErrorKind, message: impl Into<String>) -> RegistryError {
    RegistryError {
        status: Some(reply.status.as_u16()),
        ..RegistryError::new(kind, &reply.method, &reply.url, message)
    }
}

impl From<HttpError> for RegistryError {
    fn from(error: HttpError) -> Self {
        Self {
            kind: match error.kind {
                HttpErrorKind::Unreachable => ErrorKind::Unreachable,
                HttpErrorKind::TimedOut => ErrorKind::TimedOut,
                HttpErrorKind::Interrupted => ErrorKind::Interrupted,
                HttpErrorKind::TooLarge => ErrorKind::TooLarge,
                HttpErrorKind::Malformed => ErrorKind::Malformed,
                HttpErrorKind::NotAllowed => ErrorKind::NotAllowed,
                HttpErrorKind::Throttled => ErrorKind::Throttled,
            },
            method: error.method,
            url: error.url,
            status: None,
            code: None,
            message: error.message,
            retry_after: error.retry_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(method: Method, status: u16, content_type: &str, body: &'static str) -> Reply {
        Reply {
            method,
            url: "https://example.com/v2/a?secret=x".parse().unwrap(),
            elsewhere: false,
            status: StatusCode::from_u16(status).unwrap(),
            headers: [(reqwest::header::CONTENT_TYPE, content_type.parse().unwrap())]
                .into_iter()
                .collect(),
            bytes: body.into(),
        }
    }

    fn get(status: u16, body: &'static str) -> Reply {
        reply(Method::GET, status, "application/json", body)
    }

    #[test]
    fn what_registries_say_of_missing_things_is_an_absence() {
        for body in [
            "",
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
            r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#,
            r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#,
            r#"{"errors":[{"code":"NOT_FOUND","message":"artifact demo/app:v2 not found"}]}"#,
        ] {
            assert!(is_absence(&get(404, body)), "{body}");
        }
        let plain = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"Unknown name"}]}"#;
        assert!(is_absence(&reply(Method::GET, 404, "text/plain; charset=utf-8", plain)));
        assert!(is_absence(&reply(Method::HEAD, 404, "application/json", "")));
    }

    #[test]
    fn anything_else_is_no_absence() {
        for (status, body) in [
            (404, "404 page not found\n"),
            (404, "<html>not found</html>"),
            (404, r#"{"message":"no Route matched with those values"}"#),
            (404, r#"{"errors":[{"code":"DENIED"}]}"#),
            (404, r#"{"errors":[{"status":404}]}"#),
            (403, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#),
            (429, ""),
            (200, ""),
        ] {
            assert!(!is_absence(&get(status, body)), "{status} {body}");
        }
        let page = reply(Method::HEAD, 404, "Text/HTML; charset=utf-8", "");
        assert!(!is_absence(&page) && is_doubtful(&page));
        let router = reply(Method::HEAD, 404, "text/plain; charset=utf-8", "");
        assert!(!is_absence(&router) && is_doubtful(&router));
        let storage = Reply {
            elsewhere: true,
            ..get(404, "")
        };
        assert!(!is_absence(&storage));
        let another_registry = Reply {
            bytes: r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#.into(),
            ..storage
        };
        assert!(is_absence(&another_registry));
    }

    #[test]
    fn statuses_and_codes_become_kinds() {
        let coded = |status, code: &str| {
            let body = format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
            failure(&Reply {
                bytes: body.into(),
                ..get(status, "")
            })
            .kind
        };
        for (status, code, kind) in [
            (400, "MANIFEST_INVALID", ErrorKind::Refused),
            (400, "MANIFEST_BLOB_UNKNOWN", ErrorKind::Missing),
            (400, "TOOMANYREQUESTS", ErrorKind::Throttled),
            (404, "NAME_UNKNOWN", ErrorKind::Refused),
            (404, "DENIED", ErrorKind::Denied),
            (400, "UNSUPPORTED", ErrorKind::Unsupported),
            (403, "DENIED", ErrorKind::Denied),
            (405, "UNSUPPORTED", ErrorKind::Unsupported),
            (415, "MANIFEST_INVALID", ErrorKind::Unsupported),
            (429, "TOOMANYREQUESTS", ErrorKind::Throttled),
            (500, "UNKNOWN", ErrorKind::Server),
            (501, "UNSUPPORTED", ErrorKind::Unsupported),
            (503, "UNAVAILABLE", ErrorKind::Server),
        ] {
            assert_eq!(coded(status, code), kind, "{status} {code}");
        }
        assert_eq!(failure(&get(404, "404 page not found")).kind, ErrorKind::Malformed);
        assert_eq!(failure(&get(302, "")).kind, ErrorKind::Malformed);
    }

    #[test]
    fn an_error_names_method_url_status_and_code_and_not_the_query() {
        let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#;
        insta::assert_snapshot!(
            failure(&get(400, body)).to_string(),
            @"GET https://example.com/v2/a: the registry says: manifest invalid (status 400, MANIFEST_INVALID)"
        );
    }
}
