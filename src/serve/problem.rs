//! Errors as problem details (RFC 9457).

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::AskError;
use crate::model::RequestError;

/// Why a request was not carried out.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(skip)]
    code: StatusCode,
    status: u16,
    title: &'static str,
    detail: String,
}

impl Problem {
    pub fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.as_u16(),
            title: code.canonical_reason().unwrap_or_default(),
            detail: detail.into(),
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let code = match &error {
            AskError::Request(RequestError::NotFound(_)) => StatusCode::NOT_FOUND,
            AskError::Request(RequestError::Refused(_)) => StatusCode::CONFLICT,
            AskError::Request(RequestError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            AskError::Request(RequestError::Stopping) | AskError::Busy | AskError::Hangs(_) | AskError::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        (self.code, [(CONTENT_TYPE, kind)], body).into_response()
    }
}
