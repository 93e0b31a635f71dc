//! A request on its way to a registry in memory, and the errors it can bring back.

use super::{Failure, Fault, Operation, Refusal, RefusalCode};
use crate::model::{Digest, Repository};
use crate::registry::{ErrorKind, ManifestAt, RegistryError};

/// A request on its way.
pub(super) struct Call<'a> {
    pub operation: Operation,
    method: &'static str,
    pub repository: &'a Repository,
    place: Place<'a>,
}

/// What stands at the end of a request's URL.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Base,
    Manifest(ManifestAt<'a>),
    Blob(&'a Digest),
    Uploads,
    Tags,
    Referrers(&'a Digest),
}

impl<'a> Call<'a> {
    pub fn to(method: &'static str, operation: Operation, repository: &'a Repository, place: Place<'a>) -> Self {
        Self {
            operation,
            method,
            repository,
            place,
        }
    }

    pub fn url(&self) -> String {
        let Repository { registry, path } = self.repository;
        match self.place {
            Place::Base => format!("https://{registry}/v2/"),
            Place::Manifest(at) => format!("https://{registry}/v2/{path}/manifests/{at}"),
            Place::Blob(digest) => format!("https://{registry}/v2/{path}/blobs/{digest}"),
            Place::Uploads => format!("https://{registry}/v2/{path}/blobs/uploads/"),
            Place::Tags => format!("https://{registry}/v2/{path}/tags/list"),
            Place::Referrers(digest) => format!("https://{registry}/v2/{path}/referrers/{digest}"),
        }
    }

    pub fn error(&self, kind: ErrorKind, status: Option<u16>, message: String) -> RegistryError {
        let (method, url) = (self.method, self.url());
        RegistryError {
            kind,
            method,
            url,
            status,
            code: None,
            message,
            retry_after: None,
        }
    }

    pub fn mismatch(&self, wanted: &Digest, served: &Digest) -> RegistryError {
        self.error(
            ErrorKind::DigestMismatch,
            Some(200),
            format!("{served} was served for {wanted}"),
        )
    }

    pub fn failed(&self, failure: Failure) -> RegistryError {
        let (kind, status, message) = match failure {
            Failure::Unreachable => (ErrorKind::Unreachable, None, "connection refused"),
            Failure::TimedOut => (ErrorKind::TimedOut, None, "no answer in time"),
            Failure::Interrupted => (ErrorKind::Interrupted, None, "connection reset"),
            Failure::Denied => (ErrorKind::Denied, Some(403), "access denied"),
            Failure::Throttled(_) => (ErrorKind::Throttled, Some(429), "too many requests"),
            Failure::Server(_) => (ErrorKind::Server, Some(503), "service unavailable"),
            Failure::Unsupported => (ErrorKind::Unsupported, Some(405), "not supported"),
            Failure::Malformed => (
                ErrorKind::Malformed,
                Some(200),
                "the answer is none that a registry gives",
            ),
            Failure::TooLarge => (ErrorKind::TooLarge, Some(200), "the answer does not end"),
        };
        let code = match failure {
            Failure::Denied => Some(RefusalCode::Denied),
            Failure::Throttled(_) => Some(RefusalCode::TooManyRequests),
            Failure::Unsupported => Some(RefusalCode::Unsupported),
            _ => None,
        };
        let retry_after = match failure {
            Failure::Throttled(retry_after) | Failure::Server(retry_after) => retry_after,
            _ => None,
        };
        let code = code.map(|code| code.to_string());
        RegistryError {
            code,
            retry_after,
            ..self.error(kind, status, message.to_owned())
        }
    }

    pub fn refused(&self, refusal: &Refusal) -> RegistryError {
        let kind = match refusal.code {
            RefusalCode::ManifestBlobUnknown => ErrorKind::Missing,
            RefusalCode::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Refused,
        };
        let error = self.error(kind, Some(refusal.status), refusal.message.clone());
        RegistryError {
            code: Some(refusal.code.to_string()),
            ..error
        }
    }

    /// 404 is the one answer that says "absent".
    pub fn found<T>(&self, answer: Result<T, Refusal>) -> Result<Option<T>, RegistryError> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(self.refused(&refusal)),
        }
    }

    /// What this fault makes of something found or not.
    pub fn seen<T>(&self, found: Option<T>, fault: Option<Fault>) -> Result<Option<T>, RegistryError> {
        match (fault, found) {
            (Some(Fault::FalseAbsence), _) => Ok(None),
            (Some(Fault::ForbiddenForMissing), None) => Err(self.failed(Failure::Denied)),
            (_, found) => Ok(found),
        }
    }
}
