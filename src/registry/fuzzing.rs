//! What fuzz targets reach of a registry's answers: parsers that nothing outside calls by themselves.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LINK, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::auth::{Scopes, Token, challenges};
use super::{catalog, classify, link, referrers, tags};
use crate::http::Reply;
use crate::model::Repository;

/// Reads one answer as every list and as every failure. `status` is any number; `header` stands in each header that is
/// read.
pub fn read_answer(status: u16, header: &str, body: &[u8], repository: &Repository) {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(header) {
        for name in [WWW_AUTHENTICATE, LINK, CONTENT_TYPE, DATE] {
            headers.insert(name, value.clone());
        }
    }
    for challenge in challenges(&headers) {
        assert!(!challenge.scheme.is_empty());
        if let Some(scope) = challenge.parameter("scope") {
            let scopes = Scopes::parse(scope);
            let mut merged = scopes.clone();
            assert!(!merged.merge(&scopes), "what is there already widens nothing");
        }
    }
    _ = link::next_page(&headers);
    _ = Token::parse(body, Some(Timestamp::UNIX_EPOCH), Instant::now());
    let Ok(url) = Url::parse("https://registry.example.com/v2/") else {
        return;
    };
    for method in [Method::GET, Method::HEAD] {
        let reply = Reply {
            method,
            url: url.clone(),
            elsewhere: status % 2 == 1,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
            headers: headers.clone(),
            bytes: Bytes::copy_from_slice(body),
        };
        _ = classify::failure(&reply);
        if classify::is_absence(&reply) {
            assert_eq!(reply.status, StatusCode::NOT_FOUND);
        }
        _ = classify::is_doubtful(&reply);
        _ = referrers::page(&reply, repository);
        _ = tags::page(&reply, repository);
        _ = catalog::page(&reply);
    }
}
