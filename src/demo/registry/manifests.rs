//! `/v2/NAME/manifests/REFERENCE`

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::answer::{Answer, CONTENT_DIGEST, OCI_SUBJECT};
use super::body;
use super::server::unsupported;
use crate::model::{Digest, Repository, Tag};
use crate::registry::ManifestAt;
use crate::sim::registry::{Refusal, RefusalCode, Service};

pub(super) async fn answer(
    service: &Service,
    repository: &Repository,
    reference: &str,
    parts: &Parts,
    content: Body,
) -> Result<Answer, Refusal> {
    let reference = Reference::parse(reference)?;
    let at = reference.at();
    match parts.method {
        Method::GET => {
            let (digest, manifest) = service.manifest(repository, at)?;
            let answer = Answer::new(StatusCode::OK).header(CONTENT_DIGEST, digest);
            Ok(answer.body(&manifest.media_type, manifest.bytes))
        }
        Method::HEAD => {
            let head = service.head_manifest(repository, at)?;
            let answer = Answer::new(StatusCode::OK).header(CONTENT_DIGEST, head.digest);
            Ok(match head.manifest {
                Some(manifest) => answer
                    .header(CONTENT_TYPE, &manifest.media_type)
                    .header(CONTENT_LENGTH, manifest.bytes.len()),
                None => answer,
            })
        }
        Method::PUT => {
            let limit = service.store().behaviour(&repository.registry).max_manifest;
            let bytes = body::read(content, limit)
                .await
                .map_err(|refusal| match refusal.status {
                    413 => Refusal {
                        code: RefusalCode::ManifestInvalid,
                        ..refusal
                    },
                    _ => refusal,
                })?;
            let media_type = parts
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            let accepted = service.put_manifest(repository, at, media_type, bytes)?;
            let answer = Answer::new(StatusCode::CREATED)
                .header(
                    LOCATION,
                    format!("/v2/{}/manifests/{}", repository.path, accepted.digest),
                )
                .header(CONTENT_DIGEST, accepted.digest);
            Ok(match accepted.subject {
                Some(subject) => answer.header(OCI_SUBJECT, subject),
                None => answer,
            })
        }
        Method::DELETE => {
            service.delete_manifest(repository, at)?;
            Ok(Answer::new(StatusCode::ACCEPTED))
        }
        _ => Err(unsupported(&parts.method)),
    }
}

enum Reference {
    Digest(Digest),
    Tag(Tag),
}

impl Reference {
    fn parse(text: &str) -> Result<Self, Refusal> {
        // No tag has a colon.
        if text.contains(':') {
            let invalid = |error| Refusal::new(RefusalCode::DigestInvalid, format!("{error}"));
            text.parse()
                .map(Self::Digest)
                .map_err(|error: crate::model::DigestError| invalid(error))
        } else {
            let invalid = |error| Refusal::new(RefusalCode::ManifestInvalid, format!("{error}"));
            text.parse()
                .map(Self::Tag)
                .map_err(|error: crate::model::TagError| invalid(error))
        }
    }

    fn at(&self) -> ManifestAt<'_> {
        match self {
            Self::Digest(digest) => ManifestAt::Digest(digest),
            Self::Tag(tag) => ManifestAt::Tag(tag),
        }
    }
}
