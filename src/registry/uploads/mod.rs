//! Writing blobs: from a stream, or by mounting.

use reqwest::Method;
use tokio::time::Instant;

use super::access::{Access, Mode};
use super::chunking::CHUNK;
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::manifests::content_digest;
use super::options::UploadManner;
use super::protocol::{BlobStream, Mount};
use super::rewindable::Rewindable;
use super::transmission::Transmission;
use super::upload_session::location;
use crate::http::{Lane, Reply};
use crate::model::{Descriptor, Repository, RepositoryPath};

const UPLOADS: &str = "blobs/uploads/";

impl HttpRegistries {
    /// One POST, one PUT (OCI distribution specification, "POST then PUT"), or in chunks. What is cut off goes on where
    /// it was. A session that fails is left to the registry, which clears such away.
    pub(super) async fn upload(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        let access = self.access(repository, Mode::Write)?;
        let setting = access.setting;
        // Only then the session and the token: both may grow old while others upload.
        let _place = self
            .http
            .reserve(&access.home, setting.budget, Lane::Upload, access.line())
            .await?;
        let chunked = match setting.upload {
            Some(manner) => manner == UploadManner::Chunked,
            None => self.chunking.is_wanted(&repository.registry, blob.size),
        };
        let content = Rewindable::new(content, blob.size, CHUNK);
        let begin = |location| Transmission::new(self, &access, (repository, blob), &content, location, chunked);
        let transmission = match self.sessions.take(repository, blob.digest, Instant::now()) {
            Some(open) => begin(open),
            None => {
                let reply = open_session(self, &access).await?;
                let mut transmission = begin(location(&reply, &access)?);
                transmission.opened_by(&reply)?;
                transmission
            }
        };
        transmission.run().await
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
                let open = location(&reply, &access)?;
                self.sessions.keep(repository, blob.digest, open, Instant::now());
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

pub(super) async fn open_session(registries: &HttpRegistries, access: &Access<'_>) -> Result<Reply, RegistryError> {
    let reply = registries
        .ask(&Ask::new(Method::POST, access, access.url(UPLOADS)))
        .await?;
    // Some registries open the session with another success than 202; the answer to the PUT decides.
    if reply.status.is_success() {
        Ok(reply)
    } else {
        Err(classify::failure(&reply))
    }
}

pub(super) fn same_digest(reply: &Reply, blob: &Descriptor) -> Result<(), RegistryError> {
    match content_digest(reply)? {
        Some(stored) if stored != blob.digest => Err(error(
            reply,
            ErrorKind::DigestMismatch,
            format!("the registry stored {stored} where {} was sent", blob.digest),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
