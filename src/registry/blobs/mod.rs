//! Blobs: whether they are there, and reading them.

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
        let length = opened.answer.announced_length();
        let reply = opened.read(0).await?;
        match reply.status {
            StatusCode::OK => {
                if let Some(length) = length
                    && length != blob.size
                {
                    let message = format!("the registry's blob has {length} bytes, not {}", blob.size);
                    return Err(error(&reply, ErrorKind::DigestMismatch, message));
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
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                Ok(self.open_blob(repository, blob).await?.is_some())
            }
            _ if classify::is_doubtful(&reply) => Ok(self.open_blob(repository, blob).await?.is_some()),
            _ => Err(classify::failure(&reply)),
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
