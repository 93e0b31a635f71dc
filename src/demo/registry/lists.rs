//! `/v2/_catalog`, `/v2/NAME/tags/list` and `/v2/NAME/referrers/DIGEST`

use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::answer::{Answer, FILTERS_APPLIED};
use super::blobs::parse_digest;
use super::server::{query_value, unsupported};
use crate::model::{Registry, Repository, media_type};
use crate::sim::registry::{Refusal, RefusalCode, Service};

pub(super) fn tags(service: &Service, repository: &Repository, parts: &Parts) -> Result<Answer, Refusal> {
    if parts.method != Method::GET {
        return Err(unsupported(&parts.method));
    }
    let count = count(parts)?;
    let last = query_value(parts, "last");
    let (tags, more) = service.tags(repository, last.as_deref(), count)?;
    let mut answer = Answer::new(StatusCode::OK);
    if more && let Some(last) = tags.last() {
        let path = format!("{}/tags/list", repository.path);
        answer = answer.header(LINK, next_page(&path, tags.len(), last.as_str()));
    }
    Ok(answer.json("application/json", &json!({ "name": repository.path, "tags": tags })))
}

/// The registry's repositories, a hundred a page where the client does not say how many (as distribution 2 does).
pub(super) fn catalog(service: &Service, registry: &Registry, parts: &Parts) -> Result<Answer, Refusal> {
    const PAGE: usize = 100;
    if parts.method != Method::GET {
        return Err(unsupported(&parts.method));
    }
    let count = count(parts)?.unwrap_or(PAGE);
    let last = query_value(parts, "last").unwrap_or_default();
    let of_registry = service.store().repositories().into_iter();
    let mut names: Vec<String> = of_registry
        .filter(|repository| repository.registry == *registry)
        .map(|repository| repository.path.to_string())
        .filter(|name| **name > *last)
        .collect();
    names.sort_unstable();
    let more = names.len() > count;
    names.truncate(count);
    let mut answer = Answer::new(StatusCode::OK);
    if more && let Some(last) = names.last() {
        answer = answer.header(LINK, next_page("_catalog", count, last));
    }
    Ok(answer.json("application/json", &json!({ "repositories": names })))
}

/// How many names the client wants on a page.
fn count(parts: &Parts) -> Result<Option<usize>, Refusal> {
    let Some(text) = query_value(parts, "n") else {
        return Ok(None);
    };
    let refusal = || Refusal::new(RefusalCode::Unsupported, format!("`n={text}`: expected a number")).with_status(400);
    text.parse().map(Some).map_err(|_| refusal())
}

fn next_page(path: &str, count: usize, last: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("n", &count.to_string()).append_pair("last", last);
    format!("</v2/{path}?{}>; rel=\"next\"", query.finish())
}

pub(super) fn referrers(
    service: &Service,
    repository: &Repository,
    digest: &str,
    parts: &Parts,
) -> Result<Answer, Refusal> {
    if parts.method != Method::GET {
        return Err(unsupported(&parts.method));
    }
    let mut found = service.referrers(repository, &parse_digest(digest)?)?;
    let mut answer = Answer::new(StatusCode::OK);
    if let Some(wanted) = query_value(parts, "artifactType") {
        found.retain(|referrer| referrer.artifact_type.as_deref() == Some(&wanted));
        answer = answer.header(FILTERS_APPLIED, "artifactType");
    }
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": found });
    Ok(answer.json(media_type::OCI_INDEX, &index))
}
