//! Blobs: whether they are there, and reading them.

use reqwest::header::CONTENT_ENCODING;
use reqwest::{Method, StatusCode};

use super::access::Mode;
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::{Ask, Opened};
use super::manifests::content_digest;
use super::protocol::BlobStream;
use super::resumed::resumed;
use super::verified::verified;
use crate::model::{Descriptor, Repository};

impl HttpRegistries {
    pub(super) async fn head_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        let ask = Ask::new(Method::HEAD, &access, access.url(&format!("blobs/{}", blob.digest)));
        let opened = self.open(&ask).await?;
        // Of bytes that are encoded for the way, the length says nothing of the blob's.
        let encoded = opened.answer.header(CONTENT_ENCODING).is_some();
        let length = opened.answer.announced_length().filter(|_| !encoded);
        let reply = opened.read(0).await?;
        match reply.status {
            StatusCode::OK => {
                if let Some(length) = length
                    && length != blob.size
                {
                    if length == 0 {
                        // Some answer HEAD as if there were no body to speak of: GET tells.
                        return self.holds(repository, blob).await;
                    }
                    // Half an upload, as some registries keep it: the blob itself is not there, and to be sent.
                    tracing::warn!(%repository, digest = %blob.digest, length, size = blob.size, "the registry holds a blob of another size");
                    return Ok(false);
                }
                if let Some(digest) = content_digest(&reply)?
                    && digest != blob.digest
                {
                    let message = format!("the registry says it has {digest} there");
                    return Err(error(&reply, ErrorKind::DigestMismatch, message));
                }
                Ok(true)
            }
            _ if classify::is_absence(&reply) => Ok(false),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => self.holds(repository, blob).await,
            _ if classify::is_doubtful(&reply) => self.holds(repository, blob).await,
            _ => Err(classify::failure(&reply)),
        }
    }

    /// Whether GET begins to serve the blob.
    async fn holds(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        match self.open_blob(repository, blob).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.kind == ErrorKind::DigestMismatch => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<Option<BlobStream>, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        let ask = Ask::new(Method::GET, &access, access.url(&format!("blobs/{}", blob.digest))).download();
        let Opened { answer, .. } = match self.open(&ask).await? {
            opened if opened.answer.status == StatusCode::OK => opened,
            opened => {
                let reply = opened.read(self.limits.answer).await?;
                return if classify::is_absence(&reply) {
                    Ok(None)
                } else {
                    Err(classify::failure(&reply))
                };
            }
        };
        let context = RegistryError {
            status: Some(answer.status.as_u16()),
            ..RegistryError::new(ErrorKind::DigestMismatch, &answer.method, &answer.url, "")
        };
        if let Some(length) = answer.announced_length()
            && length != blob.size
        {
            let message = format!("the registry serves {length} bytes where the blob has {}", blob.size);
            return Err(RegistryError { message, ..context });
        }
        Ok(Some(verified(resumed(self, repository, blob, answer), blob, context)))
    }
}

#[cfg(test)]
mod tests;
