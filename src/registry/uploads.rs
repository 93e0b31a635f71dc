//! Writing blobs: from a stream, or by mounting.

use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::access::{Access, Mode};
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::manifests::content_digest;
use super::protocol::{BlobStream, Mount};
use crate::http::{Lane, Reply, Request, UploadError, on_origin_of};
use crate::model::{Descriptor, Repository, RepositoryPath};

const UPLOADS: &str = "blobs/uploads/";

impl HttpRegistries {
    /// One POST, one PUT (OCI distribution specification, "POST then PUT"). A session that fails is left to the
    /// registry, which clears such away.
    pub(super) async fn upload(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        let access = self.access(repository, Mode::Write)?;
        // Only then the session and the token: both may grow old while others upload.
        let place = self.http.reserve(&access.home.url, Lane::Upload).await;
        let mut location = match self.sessions.take(repository, blob.digest, Instant::now()) {
            Some(location) => location,
            None => {
                let ask = Ask::new(Method::POST, &access, access.url(UPLOADS));
                let reply = self.ask(&ask).await?;
                // Some registries open the session with another success than 202; the answer to the PUT decides.
                if !reply.status.is_success() {
                    return Err(classify::failure(&reply));
                }
                session(&reply, &access)?
            }
        };
        location
            .query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        let at_home = location.origin() == access.home.url.origin();
        let authorization = if at_home {
            Some(self.auth.authorization(&self.http, &access).await?)
        } else {
            None
        };
        let mut request = Request::new(Method::PUT, location, &access.home);
        request.authorization = authorization.as_ref().and_then(|shown| shown.header.clone());
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let answer = self
            .http
            .upload(&request, place, blob.size, content)
            .await
            .map_err(|error| upload_error(error, &request.url))?;
        let mut reply = match answer.read(access.limits.answer).await {
            Ok(reply) => reply,
            Err(error) => return Err(error.into()),
        };
        if let Some(authorization) = authorization {
            reply.bytes = authorization.scrub(reply.bytes);
            if reply.status == StatusCode::UNAUTHORIZED {
                self.auth.discard(&authorization).await;
            }
        }
        if !matches!(
            reply.status,
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT
        ) {
            return Err(classify::failure(&reply));
        }
        same_digest(&reply, blob)
    }

    /// A mount that does not happen is no failure: the upload that follows tells the truth.
    pub(super) async fn mount(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        let access = self.access(repository, Mode::Write)?.and_pull(from);
        let mut url = access.url(UPLOADS);
        url.query_pairs_mut()
            .append_pair("mount", &blob.digest.to_string())
            .append_pair("from", from.as_str());
        let reply = match self.ask(&Ask::new(Method::POST, &access, url)).await {
            Ok(reply) => reply,
            // Refused the blob's other repository, perhaps, and not this one.
            Err(error) if error.kind == ErrorKind::Denied => {
                tracing::debug!(%error, "the registry refuses a mount");
                return Ok(Mount::NotMounted);
            }
            Err(error) => return Err(error),
        };
        match reply.status.as_u16() {
            201 => same_digest(&reply, blob).map(|()| Mount::Mounted),
            202 => {
                let location = session(&reply, &access)?;
                self.sessions.keep(repository, blob.digest, location, Instant::now());
                Ok(Mount::NotMounted)
            }
            400 | 403 | 404 | 405 | 501 => {
                tracing::debug!(error = %classify::failure(&reply), "the registry does not mount");
                Ok(Mount::NotMounted)
            }
            _ => Err(classify::failure(&reply)),
        }
    }
}

/// Where the session that an answer opens goes on. It may be relative, or on another host; never less encrypted.
fn session(reply: &Reply, access: &Access<'_>) -> Result<Url, RegistryError> {
    let refuse = |kind: ErrorKind, message: &str| error(reply, kind, message);
    let location = reply.header(LOCATION).ok_or_else(|| {
        refuse(
            ErrorKind::Malformed,
            "the registry opens an upload and does not say where",
        )
    })?;
    let url = reply
        .url
        .join(location)
        .map_err(|_| refuse(ErrorKind::Malformed, "the registry's upload location is no URL"))?;
    if let Some(own) = on_origin_of(&access.home.url, &url) {
        return Ok(own);
    }
    let lowered = access.home.url.scheme() == "https" && url.scheme() != "https";
    if lowered || !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            ErrorKind::NotAllowed,
            "the registry's upload location is less safe than the registry",
        ));
    }
    Ok(url)
}

fn same_digest(reply: &Reply, blob: &Descriptor) -> Result<(), RegistryError> {
    match content_digest(reply)? {
        Some(stored) if stored != blob.digest => Err(error(
            reply,
            ErrorKind::DigestMismatch,
            format!("the registry stored {stored} where {} was sent", blob.digest),
        )),
        _ => Ok(()),
    }
}

fn upload_error(error: UploadError<RegistryError>, url: &Url) -> RegistryError {
    match error {
        UploadError::Content(error) => error,
        UploadError::Http(error) => error.into(),
        UploadError::Length { announced, found } => RegistryError::new(
            ErrorKind::DigestMismatch,
            &Method::PUT,
            url,
            format!("the blob to be stored has {found} bytes, its descriptor says {announced}"),
        ),
    }
}

#[cfg(test)]
mod tests;
