//! `/v2/NAME/blobs/uploads/`: blobs in one piece, in several, or taken over from another repository.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::header::{CONTENT_RANGE, LOCATION, RANGE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use bytes::{Bytes, BytesMut};
use rand::Rng;

use super::answer::{Answer, CONTENT_DIGEST, UPLOAD_ID};
use super::blobs::parse_digest;
use super::body;
use super::server::{ServerLimits, query_value, unsupported};
use crate::model::{Digest, Repository};
use crate::sim::registry::{Refusal, RefusalCode, Service};

/// Uploads that have begun and not ended.
pub(super) struct Uploads {
    limits: ServerLimits,
    open: Mutex<HashMap<String, Upload>>,
}

struct Upload {
    repository: Repository,
    received: BytesMut,
}

impl Uploads {
    pub fn new(limits: ServerLimits) -> Self {
        Self {
            limits,
            open: Mutex::default(),
        }
    }

    /// `/v2/NAME/blobs/uploads/`
    pub async fn begin(
        &self,
        service: &Service,
        repository: &Repository,
        parts: &Parts,
        content: Body,
    ) -> Result<Answer, Refusal> {
        if parts.method != Method::POST {
            return Err(unsupported(&parts.method));
        }
        if let (Some(digest), Some(from)) = (query_value(parts, "mount"), query_value(parts, "from"))
            && let Ok(from) = from.parse()
        {
            let digest = parse_digest(&digest)?;
            if service.mount_blob(repository, &from, &digest) {
                return Ok(created(repository, &digest));
            }
        } else if let Some(digest) = query_value(parts, "digest") {
            let digest = parse_digest(&digest)?;
            let bytes = body::read(content, self.limits.blob).await?;
            service.put_blob(repository, &digest, bytes)?;
            return Ok(created(repository, &digest));
        }
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let mut open = self.lock();
        if open.len() >= self.limits.uploads {
            let message = format!("{} uploads are open: no more are allowed", open.len());
            return Err(Refusal::new(RefusalCode::TooManyRequests, message));
        }
        open.insert(
            id.clone(),
            Upload {
                repository: repository.clone(),
                received: BytesMut::new(),
            },
        );
        Ok(progress(StatusCode::ACCEPTED, repository, &id, 0))
    }

    /// `/v2/NAME/blobs/uploads/ID`
    pub async fn proceed(
        &self,
        service: &Service,
        repository: &Repository,
        id: &str,
        parts: &Parts,
        content: Body,
    ) -> Result<Answer, Refusal> {
        match parts.method {
            Method::GET => {
                let size = self.received(repository, id)?;
                Ok(progress(StatusCode::NO_CONTENT, repository, id, size))
            }
            Method::PATCH => {
                let size = self.append(repository, id, parts, content).await?;
                Ok(progress(StatusCode::ACCEPTED, repository, id, size))
            }
            Method::PUT => {
                let Some(digest) = query_value(parts, "digest") else {
                    return Err(Refusal::new(RefusalCode::DigestInvalid, "the query names no digest"));
                };
                let digest = parse_digest(&digest)?;
                self.append(repository, id, parts, content).await?;
                let whole = self.take(repository, id)?;
                service.put_blob(repository, &digest, whole)?;
                Ok(created(repository, &digest))
            }
            Method::DELETE => {
                self.take(repository, id)?;
                Ok(Answer::new(StatusCode::NO_CONTENT))
            }
            _ => Err(unsupported(&parts.method)),
        }
    }

    /// How much there is once the request's content has been added.
    async fn append(&self, repository: &Repository, id: &str, parts: &Parts, content: Body) -> Result<usize, Refusal> {
        let before = self.received(repository, id)?;
        let piece = body::read(content, self.limits.blob.saturating_sub(before)).await?;
        let range = parts.headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let mut open = self.lock();
        let upload = open.get_mut(id).ok_or_else(|| unknown_upload(id))?;
        if let Some(range) = range {
            in_order(range, upload.received.len(), piece.len())?;
        }
        if upload.received.len() + piece.len() > self.limits.blob {
            let message = format!("the blob has more than {} bytes", self.limits.blob);
            return Err(Refusal::new(RefusalCode::SizeInvalid, message).with_status(413));
        }
        upload.received.extend_from_slice(&piece);
        Ok(upload.received.len())
    }

    fn received(&self, repository: &Repository, id: &str) -> Result<usize, Refusal> {
        let open = self.lock();
        let upload = open.get(id).filter(|upload| upload.repository == *repository);
        upload
            .map(|upload| upload.received.len())
            .ok_or_else(|| unknown_upload(id))
    }

    fn take(&self, repository: &Repository, id: &str) -> Result<Bytes, Refusal> {
        self.received(repository, id)?;
        let taken = self.lock().remove(id).ok_or_else(|| unknown_upload(id))?;
        Ok(taken.received.freeze())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        // One insertion, removal or extension at a time: a panic leaves nothing half-done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chunks come one after the other (OCI distribution specification, "Pushing a blob in chunks").
fn in_order(range: &str, received: usize, length: usize) -> Result<(), Refusal> {
    let number = |text: &str| text.parse::<usize>().ok();
    let bounds = range
        .split_once('-')
        .and_then(|(first, last)| Some((number(first)?, number(last)?)));
    let invalid = |message: String| Refusal::new(RefusalCode::BlobUploadInvalid, message);
    match bounds {
        Some((first, last)) if first == received && length > 0 && last == first + length - 1 => Ok(()),
        Some((first, _)) if first != received => {
            Err(invalid(format!("the range `{range}` does not begin at {received}")).with_status(416))
        }
        _ => Err(invalid(format!(
            "the range `{range}` is not that of {length} bytes from {received}"
        ))),
    }
}

fn created(repository: &Repository, digest: &Digest) -> Answer {
    Answer::new(StatusCode::CREATED)
        .header(LOCATION, format!("/v2/{}/blobs/{digest}", repository.path))
        .header(CONTENT_DIGEST, digest)
}

fn progress(status: StatusCode, repository: &Repository, id: &str, size: usize) -> Answer {
    Answer::new(status)
        .header(LOCATION, format!("/v2/{}/blobs/uploads/{id}", repository.path))
        // Inclusive: clients take `0-0` for an upload that has just begun.
        .header(RANGE, format!("0-{}", size.saturating_sub(1)))
        .header(UPLOAD_ID, id)
}

fn unknown_upload(id: &str) -> Refusal {
    Refusal::new(RefusalCode::BlobUploadUnknown, format!("upload `{id}` is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_out_of_order_are_told_from_malformed_ranges() {
        let status = |range, received, length| in_order(range, received, length).map_err(|refusal| refusal.status);
        assert_eq!(status("0-9", 0, 10), Ok(()));
        assert_eq!(status("10-19", 10, 10), Ok(()));
        assert_eq!(status("10-19", 5, 10), Err(416));
        assert_eq!(status("0-9", 5, 10), Err(416));
        assert_eq!(status("0-9", 0, 9), Err(400));
        assert_eq!(status("bytes", 0, 9), Err(400));
    }
}
