//! `/v2/NAME/tags/list` and `/v2/NAME/referrers/DIGEST`

use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::answer::{Answer, FILTERS_APPLIED};
use super::blobs::parse_digest;
use super::server::{query_value, unsupported};
use crate::model::{Repository, media_type};
use crate::sim::registry::{Refusal, RefusalCode, Service};

pub(super) fn tags(service: &Service, repository: &Repository, parts: &Parts) -> Result<Answer, Refusal> {
    if parts.method != Method::GET {
        return Err(unsupported(&parts.method));
    }
    let count = match query_value(parts, "n") {
        None => None,
        Some(text) => Some(text.parse::<usize>().map_err(|_| {
            Refusal::new(RefusalCode::Unsupported, format!("`n={text}`: expected a number")).with_status(400)
        })?),
    };
    let last = query_value(parts, "last");
    let (tags, more) = service.tags(repository, last.as_deref(), count)?;
    let mut answer = Answer::new(StatusCode::OK);
    if more && let Some(last) = tags.last() {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("n", &tags.len().to_string())
            .append_pair("last", last.as_str());
        let link = format!("</v2/{}/tags/list?{}>; rel=\"next\"", repository.path, query.finish());
        answer = answer.header(LINK, link);
    }
    Ok(answer.json("application/json", &json!({ "name": repository.path, "tags": tags })))
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
