//! The HTTP API: `/healthz`, `/readyz`, `/metrics`, and `/api/v1`. Over the socket and over an address the same, but for
//! what may be changed.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::{Access, ServeLimits, Service, ask, metrics, text};
use crate::model::{ImageStatus, Reply, Request, Shortfall};

type Answer = Result<Response, Problem>;

/// Carries what keeps registries from being as desired, as JSON, beside an answer in text.
pub const SHORTFALL: &str = "landfall-shortfall";

/// All routes.
pub fn router(service: Service, limits: &ServeLimits) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/api/v1/status", get(status))
        .route("/api/v1/targets", get(targets))
        .route("/api/v1/blocked", get(blocked))
        .route("/api/v1/images", get(images))
        .route("/api/v1/reconcile", post(reconcile))
        .route("/api/v1/accept", post(accept))
        .route("/api/v1/adopt", post(adopt))
        .route("/api/v1/pause", post(pause))
        .route("/api/v1/resume", post(resume))
        .fallback(nothing)
        .method_not_allowed_fallback(not_this_way)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .with_state(service)
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

async fn not_this_way() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "reading is by GET, and what changes something by POST",
    )
}

/// The loop comes around. Registries' answers play no part.
async fn healthz(State(service): State<Service>) -> Answer {
    service.daemon.turns().await?;
    Ok("ok\n".into_response())
}

/// A commit is followed and was planned once. Registries' answers play no part.
async fn readyz(State(service): State<Service>) -> Answer {
    if service.daemon.turns().await? {
        return Ok("ok\n".into_response());
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no commit is followed yet",
    ))
}

async fn scrape(State(service): State<Service>) -> Answer {
    let status = service.daemon.status().await?;
    let text = service
        .metrics
        .text(&status)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn status(State(service): State<Service>, headers: HeaderMap) -> Answer {
    let status = service.daemon.status().await?;
    Ok(shown(&headers, &status, || text::status(&status)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<T> {
    schema_version: u32,
    items: T,
}

fn listed<T: Serialize>(items: T) -> Response {
    axum::Json(Listed {
        schema_version: 1,
        items,
    })
    .into_response()
}

async fn targets(State(service): State<Service>) -> Answer {
    Ok(listed(service.daemon.status().await?.targets))
}

async fn blocked(State(service): State<Service>) -> Answer {
    let standing = service.daemon.status().await?.standing;
    Ok(listed(standing.map(|standing| standing.blocked).unwrap_or_default()))
}

/// Which images, and how many at once.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    reference: String,
    #[serde(default)]
    offset: usize,
    #[serde(default = "page")]
    limit: usize,
}

/// Images in one answer where nobody asks for less; nobody gets more.
const PAGE: usize = 100;

const fn page() -> usize {
    PAGE
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Images<'a> {
    schema_version: u32,
    total: usize,
    items: &'a [ImageStatus],
}

async fn images(
    State(service): State<Service>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let Query(which) = which.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let reply = service.daemon.ask(Request::Image {
        reference: which.reference,
    });
    let Reply::Images(images) = reply.await? else {
        return Err(unexpected());
    };
    let total = images.len();
    let from = which.offset.min(total);
    let until = from.saturating_add(which.limit.min(PAGE)).min(total);
    let page = Images {
        schema_version: 1,
        total,
        items: &images[from..until],
    };
    Ok(shown(&headers, &page, || text::images(page.items, total)))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    only: Option<String>,
}

async fn reconcile(
    State(service): State<Service>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Only { only } = changing(&access, &headers, &body)?;
    match service.daemon.ask(Request::Reconcile { only }).await? {
        Reply::Standing { standing, pause } => {
            let mut answer = shown(&headers, &standing, || text::standing(&standing, pause.as_ref()));
            // Programs that show the text need to know what it says.
            if let Some(shortfall) = as_header(&standing.shortfall) {
                answer.headers_mut().insert(SHORTFALL, shortfall);
            }
            Ok(answer)
        }
        _ => Err(unexpected()),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Revision {
    revision: String,
}

async fn accept(
    State(service): State<Service>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Revision { revision } = changing(&access, &headers, &body)?;
    change(&service, &headers, Request::Accept { revision }).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Adoption {
    glob: String,
    reason: String,
}

async fn adopt(
    State(service): State<Service>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Adoption { glob, reason } = changing(&access, &headers, &body)?;
    change(&service, &headers, Request::Adopt { glob, reason }).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn pause(
    State(service): State<Service>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Reason { reason } = changing(&access, &headers, &body)?;
    change(&service, &headers, Request::Pause { reason }).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn resume(
    State(service): State<Service>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Nothing {} = changing(&access, &headers, &body)?;
    change(&service, &headers, Request::Resume).await
}

async fn change(service: &Service, headers: &HeaderMap, request: Request) -> Answer {
    match service.daemon.ask(request).await? {
        Reply::Done(lines) => Ok(shown(headers, &listed_lines(&lines), || lines.join("\n") + "\n")),
        _ => Err(unexpected()),
    }
}

fn listed_lines(lines: &[String]) -> Listed<&[String]> {
    Listed {
        schema_version: 1,
        items: lines,
    }
}

/// What somebody sent who may change things. An empty body is an object without keys.
fn changing<T: DeserializeOwned>(access: &Access, headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    if !access.may_change(headers) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "only looking is allowed here: changes go through the socket, or with the token of `serve.token-file`",
        ));
    }
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// JSON, or text for people who ask for it.
fn shown<T: Serialize>(headers: &HeaderMap, value: &T, text: impl FnOnce() -> String) -> Response {
    let wants_text = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.starts_with("text/plain"));
    if wants_text {
        text().into_response()
    } else {
        axum::Json(value).into_response()
    }
}

fn as_header(shortfall: &Shortfall) -> Option<HeaderValue> {
    HeaderValue::from_str(&serde_json::to_string(shortfall).ok()?).ok()
}

fn unexpected() -> Problem {
    ask::unexpected().into()
}
