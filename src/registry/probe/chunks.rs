//! Whether blobs can be sent in chunks.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue};

use super::verdict::unexpected;
use crate::model::{Descriptor, Knowledge, Repository};
use crate::registry::access::Mode;
use crate::registry::exchange::Ask;
use crate::registry::upload_session::{location, smallest_chunk};
use crate::registry::{HttpRegistries, RegistryError};

impl HttpRegistries {
    /// Uploads a small blob (OCI distribution specification, "Pushing a blob in chunks") as one chunk and an empty end; and the smallest chunk, in bytes, that the registry announces.
    pub async fn probe_chunks(&self, repository: &Repository, content: Bytes) -> (Knowledge, Option<u64>) {
        let mut minimum = None;
        let knowledge = self
            .send_in_chunks(repository, content, &mut minimum)
            .await
            .unwrap_or_else(|error| error.inability());
        (knowledge, minimum)
    }

    async fn send_in_chunks(
        &self,
        repository: &Repository,
        content: Bytes,
        minimum: &mut Option<u64>,
    ) -> Result<Knowledge, RegistryError> {
        let access = self.access(repository, Mode::Write)?;
        let ask = Ask::new(Method::POST, &access, access.url("blobs/uploads/"));
        let opened = self.ask(&ask).await?;
        if !opened.status.is_success() {
            return Ok(unexpected(&opened));
        }
        *minimum = smallest_chunk(&opened);
        let digest = Descriptor::of("application/octet-stream", &content).digest;
        let session = location(&opened, &access)?;
        if session.origin() != access.home.url.origin() {
            return Ok(Knowledge::unknown(
                "uploads go to another host, where this is not tried",
            ));
        }
        let range = format!("0-{}", content.len().saturating_sub(1));
        let patch = Ask::new(Method::PATCH, &access, session)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(
                CONTENT_RANGE,
                HeaderValue::try_from(range).expect("digits and a dash are a header's value"),
            )
            .body(content);
        let patched = self.ask(&patch).await?;
        if !patched.status.is_success() {
            return Ok(unexpected(&patched));
        }
        let mut end = location(&patched, &access)?;
        if end.origin() != access.home.url.origin() {
            return Ok(Knowledge::unknown(
                "uploads go to another host, where this is not tried",
            ));
        }
        end.query_pairs_mut().append_pair("digest", &digest.to_string());
        let put = self.ask(&Ask::new(Method::PUT, &access, end)).await?;
        Ok(if put.status.is_success() {
            Knowledge::probed(true, "PATCH, then PUT")
        } else {
            unexpected(&put)
        })
    }
}
