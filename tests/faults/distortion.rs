//! How an answer is spoiled.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, LINK, LOCATION, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use futures_util::{StreamExt as _, stream};
use landfall::model::Digest;
use serde_json::{Value, json};

use super::Fault;
use super::fault::RetryAfter;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// An answer that can still be changed.
pub struct Distorted {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Distorted {
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    pub fn into_response(self) -> Response<Body> {
        // HEAD has a length and no body.
        let body = Body::from(self.body);
        respond(self.status, self.headers, body)
    }

    fn set(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn with_body(mut self, body: Bytes) -> Self {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove(TRANSFER_ENCODING);
        self.body = body;
        self
    }

    /// The body comes as this stream gives it; its announced length stays.
    fn streamed(
        self,
        pieces: impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    ) -> Response<Body> {
        respond(self.status, self.headers, Body::from_stream(pieces))
    }
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove(TRANSFER_ENCODING);
    response
}

pub fn status(status: StatusCode) -> Response<Body> {
    respond(status, HeaderMap::new(), Body::empty())
}

/// A connection that ends where an answer was due.
fn broken() -> Response<Body> {
    let error = Err::<Bytes, _>(std::io::Error::other("the connection is cut"));
    let mut response = Response::new(Body::from_stream(stream::iter([error])));
    response.headers_mut().insert(CONTENT_LENGTH, 1_000_000.into());
    response
}

fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let body = json!({ "errors": [{ "code": code, "message": "a fault" }] }).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respond(status, headers, body.into())
}

/// What is answered without carrying the request out.
pub fn instead(fault: Fault, parts: &Parts, address: &str, elsewhere: &str) -> Option<Response<Body>> {
    let path = parts.uri.path();
    let is_upload = path.contains("/blobs/uploads/");
    Some(match fault {
        Fault::TooManyRequests(after) => {
            let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS");
            if let Some(after) = after {
                let value = match after {
                    RetryAfter::Seconds(seconds) => seconds.to_string(),
                    RetryAfter::Date(seconds) => {
                        let at = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(seconds)).unwrap();
                        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
                    }
                };
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_str(&value).unwrap());
            }
            response
        }
        Fault::Status(code) => refusal(StatusCode::from_u16(code).unwrap(), "UNKNOWN"),
        Fault::ResetBefore => broken(),
        Fault::NotFound => refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
        Fault::ExpiredToken | Fault::NarrowToken => {
            let error = if fault == Fault::ExpiredToken {
                "invalid_token"
            } else {
                "insufficient_scope"
            };
            let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"{address}\",error=\"{error}\"");
            let mut response = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_str(&challenge).unwrap());
            response
        }
        Fault::RedirectElsewhere => {
            let mut response = status(StatusCode::TEMPORARY_REDIRECT);
            let there = HeaderValue::from_str(&format!("http://{elsewhere}{path}")).unwrap();
            response.headers_mut().insert(LOCATION, there);
            response
        }
        Fault::UploadLost if is_upload && parts.method != Method::POST => {
            refusal(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN")
        }
        Fault::Html => {
            let mut response = Response::new(Body::from("<html><body>Please sign in.</body></html>"));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response
        }
        Fault::NotAllowed => refusal(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
        _ => return None,
    })
}

/// Spoils the answer to a request that was carried out.
pub async fn distort(fault: Fault, parts: &Parts, answer: Distorted) -> Response<Body> {
    let is_head = parts.method == Method::HEAD;
    match fault {
        Fault::Latency(duration) => {
            tokio::time::sleep(duration).await;
            answer.into_response()
        }
        Fault::Bandwidth(bytes) => drip(answer, (bytes / 20) as usize, Duration::from_millis(50)),
        Fault::SlowLoris => drip(answer, 1, Duration::from_millis(100)),
        Fault::ResetAfter => broken(),
        Fault::ResetDuring if !answer.body.is_empty() => {
            let half = answer.body.slice(..answer.body.len() / 2);
            let end = Err(std::io::Error::other("the connection is cut"));
            answer.streamed(stream::iter([Ok(half), end]))
        }
        Fault::Truncated if !answer.body.is_empty() => {
            let half = answer.body.slice(..answer.body.len() / 2);
            answer.with_body(half).into_response()
        }
        Fault::WrongBytes if !answer.body.is_empty() => {
            let mut bytes = answer.body.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            answer.with_body(bytes.into()).into_response()
        }
        Fault::WrongDigestHeader if answer.headers.contains_key(&DIGEST) => answer
            .set(DIGEST, &Digest::of(b"something else").to_string())
            .into_response(),
        Fault::LyingHead if is_head && answer.status == StatusCode::NOT_FOUND => {
            let named = parts.uri.path().rsplit_once('/').map_or("", |(_, last)| last);
            let digest = named.parse().unwrap_or_else(|_| Digest::of(named.as_bytes()));
            let mut response = status(StatusCode::OK);
            let headers = response.headers_mut();
            headers.insert(DIGEST, HeaderValue::from_str(&digest.to_string()).unwrap());
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/vnd.oci.image.manifest.v1+json"),
            );
            response
        }
        Fault::ForbiddenForMissing if answer.status == StatusCode::NOT_FOUND => {
            refusal(StatusCode::FORBIDDEN, "DENIED")
        }
        Fault::MountAccepted if answer.status == StatusCode::CREATED && parts.method == Method::POST => {
            // Whoever is sent on finds no such upload: registries answer so where the mount was lost on the way.
            let location = format!("{}00000000-0000-0000-0000-000000000000", parts.uri.path());
            let mut response = status(StatusCode::ACCEPTED);
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::from_str(&location).unwrap());
            response
        }
        Fault::EndlessTags => match tags(&answer) {
            Some(name) => {
                let number: u64 = parts
                    .uri
                    .query()
                    .and_then(|query| query.strip_prefix("page=")?.parse().ok())
                    .unwrap_or(0);
                let listed: Vec<String> = (0..100).map(|index| format!("t{}", number * 100 + index)).collect();
                let next = format!("<{}?page={}>; rel=\"next\"", parts.uri.path(), number + 1);
                let body = json!({ "name": name, "tags": listed }).to_string();
                answer.with_body(body.into()).set(LINK, &next).into_response()
            }
            None => answer.into_response(),
        },
        Fault::LinkLoop if answer.status == StatusCode::OK && !answer.body.is_empty() => {
            let here = parts.uri.path_and_query().map_or("/", |rest| rest.as_str());
            let next = format!("<{here}>; rel=\"next\"");
            answer.set(LINK, &next).into_response()
        }
        Fault::WrongArtifactType => match retyped(&answer.body) {
            Some(body) => answer.with_body(body).into_response(),
            None => answer.into_response(),
        },
        Fault::Oversized if !answer.body.is_empty() => {
            let mut answer = answer;
            answer.headers.remove(CONTENT_LENGTH);
            let first = stream::iter([Ok(answer.body.clone())]);
            let rest = stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 64 << 10])));
            answer.streamed(first.chain(rest))
        }
        _ => answer.into_response(),
    }
}

/// The same answer, so many bytes at a time.
fn drip(answer: Distorted, bytes: usize, pause: Duration) -> Response<Body> {
    let body = answer.body.clone();
    let pieces = stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(bytes.clamp(1, rest.len()));
        Some((Ok(piece), rest))
    });
    answer.streamed(pieces)
}

/// The repository of a list of tags, where this is one.
fn tags(answer: &Distorted) -> Option<String> {
    let list: Value = serde_json::from_slice(&answer.body).ok()?;
    list.get("tags")?;
    Some(list["name"].as_str()?.to_owned())
}

/// A list of referrers with other artifact types.
fn retyped(body: &[u8]) -> Option<Bytes> {
    let mut index: Value = serde_json::from_slice(body).ok()?;
    for entry in index.get_mut("manifests")?.as_array_mut()? {
        entry["artifactType"] = "application/vnd.oci.empty.v1+json".into();
    }
    Some(index.to_string().into())
}
