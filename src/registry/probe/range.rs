//! Whether a part of a blob can be had.

use reqwest::header::{HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::verdict::unexpected;
use crate::model::{Descriptor, Knowledge, Repository};
use crate::registry::HttpRegistries;
use crate::registry::access::Mode;
use crate::registry::exchange::Ask;

impl HttpRegistries {
    /// Asks for the first byte of a blob that is there (RFC 9110, "Range Requests").
    pub async fn probe_range(&self, repository: &Repository, blob: &Descriptor) -> Knowledge {
        let asked = async {
            let access = self.access(repository, Mode::Read)?;
            let ask = Ask::new(Method::GET, &access, access.url(&format!("blobs/{}", blob.digest)))
                .header(RANGE, HeaderValue::from_static("bytes=0-0"))
                .download();
            let opened = self.open(&ask).await?;
            match opened.answer.status {
                // The rest of it is nobody's business: the connection is given up.
                StatusCode::PARTIAL_CONTENT => Ok(Knowledge::probed(true, "206")),
                StatusCode::OK => Ok(Knowledge::probed(false, "it sends the whole blob")),
                _ => Ok(unexpected(&opened.read(access.limits.answer).await?)),
            }
        };
        asked
            .await
            .unwrap_or_else(|error: crate::registry::RegistryError| error.inability())
    }
}
