//! Answers, in the specification's form.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::sim::registry::{Refusal, RefusalCode};

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(super) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(super) const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
pub(super) const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer(Response<Body>);

impl Answer {
    pub fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        // Docker's clients look for it before they trust `/v2/`.
        response
            .headers_mut()
            .insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        Self(response)
    }

    /// Leaves out a value that no header can carry.
    pub fn header(mut self, name: HeaderName, value: impl std::fmt::Display) -> Self {
        if let Ok(value) = HeaderValue::try_from(value.to_string()) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self.header(CONTENT_TYPE, content_type)
    }

    pub fn json(self, content_type: &str, value: &Value) -> Self {
        self.body(content_type, value.to_string())
    }

    pub fn refusal(refusal: &Refusal) -> Self {
        let error = json!({ "code": refusal.code.as_str(), "message": refusal.message });
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status).json("application/json", &json!({ "errors": [error] }))
    }

    /// 401, and how to get in.
    pub fn challenge(challenge: &str) -> Self {
        let refusal = Refusal::new(RefusalCode::Unauthorized, "authentication required");
        Self::refusal(&refusal).header(WWW_AUTHENTICATE, challenge)
    }

    pub fn into_response(self) -> Response<Body> {
        self.0
    }
}
