//! What a request to a registry is part of.

use axum::http::Method;
use axum::http::request::Parts;
use landfall::trust::referrer;
use landfall::trust::statement::predicate_type;

/// Actions of landfall, told apart by what they send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Reading manifests and blobs, and storing manifests that are neither tagged nor signed.
    Copy,
    Mount,
    Upload,
    Tag,
    /// Lists of tags.
    List,
    /// Lists of referrers, the fallback index among them.
    Referrers,
    Sign,
    Attest,
    Delete,
    /// Tokens, and the registry's `/v2/`.
    Authenticate,
}

impl Action {
    pub const ALL: [Self; 10] = [
        Self::Copy,
        Self::Mount,
        Self::Upload,
        Self::Tag,
        Self::List,
        Self::Referrers,
        Self::Sign,
        Self::Attest,
        Self::Delete,
        Self::Authenticate,
    ];

    pub fn of(parts: &Parts, body: &[u8]) -> Self {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        if parts.method == Method::DELETE {
            return Self::Delete;
        }
        if path.contains("/blobs/uploads") {
            return if query.contains("mount=") {
                Self::Mount
            } else {
                Self::Upload
            };
        }
        if path.ends_with("/tags/list") {
            return Self::List;
        }
        if path.contains("/referrers/") {
            return Self::Referrers;
        }
        if path.contains("/blobs/") {
            return Self::Copy;
        }
        match path.rsplit_once("/manifests/") {
            Some((_, reference)) => Self::of_manifest(parts, reference, body),
            None => Self::Authenticate,
        }
    }

    fn of_manifest(parts: &Parts, reference: &str, body: &[u8]) -> Self {
        if let Some(rest) = reference.strip_prefix("sha256-") {
            return match rest.split_once('.') {
                None => Self::Referrers,
                Some((_, "sig")) => Self::Sign,
                Some(_) => Self::Attest,
            };
        }
        if parts.method != Method::PUT {
            return Self::Copy;
        }
        if !reference.starts_with("sha256:") {
            return Self::Tag;
        }
        let manifest: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        match manifest["annotations"][referrer::PREDICATE_TYPE].as_str() {
            Some(predicate_type::SIGNATURE) => Self::Sign,
            Some(_) => Self::Attest,
            None => Self::Copy,
        }
    }
}
