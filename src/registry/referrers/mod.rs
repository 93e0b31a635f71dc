//! What refers to a manifest: the registry's own list and the fallback index.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::access::Mode;
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::pages::Pages;
use super::protocol::{FetchedManifest, ManifestAt, Referrers};
use crate::http::Reply;
use crate::model::{Descriptor, Digest, DigestError, NotReferrers, Repository, Tag, media_type, referrers_index};

impl HttpRegistries {
    /// Both are always asked: other tools keep the fallback index where there is an API, and registries that got the
    /// API later have not read the indexes from before.
    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Referrers, RegistryError> {
        let (listed, fallback) = futures_util::try_join!(
            self.referrers_api(repository, subject),
            self.fallback_index(repository, subject)
        )?;
        let (fallback, indexed, misplaced) = match fallback {
            Fallback::Index(fetched, descriptors) => (Some(fetched), descriptors, None),
            Fallback::Misplaced(what) => (None, Vec::new(), Some(what)),
            Fallback::Absent => (None, Vec::new(), None),
        };
        let mut seen = HashSet::new();
        let mut from_api = Vec::new();
        let mut descriptors = Vec::new();
        for descriptor in listed {
            if seen.insert(descriptor.digest) {
                from_api.push(descriptor.digest);
                descriptors.push(descriptor);
            }
        }
        descriptors.extend(indexed.into_iter().filter(|descriptor| seen.insert(descriptor.digest)));
        Ok(Referrers {
            descriptors,
            fallback,
            misplaced,
            from_api,
        })
    }

    /// The registry's own list; empty where it has no such API (OCI distribution specification, "Listing Referrers").
    async fn referrers_api(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        if !access.setting.referrers_api {
            return Ok(Vec::new());
        }
        let mut pages = Pages::new(
            self,
            &access,
            access.url(&format!("referrers/{subject}")),
            media_type::OCI_INDEX,
        );
        let mut descriptors = Vec::new();
        let mut listed = HashSet::new();
        while let Some(reply) = pages.next().await? {
            if pages.at_first() && says_nothing(&reply) {
                return Ok(Vec::new());
            }
            if reply.status != StatusCode::OK {
                return Err(classify::failure(&reply));
            }
            let page = page(&reply, repository)?;
            let new = page
                .iter()
                .filter(|descriptor| listed.insert(descriptor.digest))
                .count();
            descriptors.extend(page);
            pages.bring(&reply, new)?;
            let limit = self.limits.descriptors;
            if descriptors.len() > limit {
                let message = format!("the manifest has more than the {limit} referrers allowed");
                return Err(error(&reply, ErrorKind::TooLarge, message));
            }
        }
        Ok(descriptors)
    }

    /// The index under the fallback tag. One that cannot be read is an error: it must not be taken for an empty one,
    /// and still less be overwritten.
    async fn fallback_index(&self, repository: &Repository, subject: &Digest) -> Result<Fallback, RegistryError> {
        let tag = Tag::referrers_of(subject);
        let Some(fetched) = self.get_manifest(repository, ManifestAt::Tag(&tag)).await? else {
            return Ok(Fallback::Absent);
        };
        match referrers_index(&fetched.bytes, fetched.media_type.as_deref(), subject, &self.limits) {
            Ok(descriptors) => Ok(Fallback::Index(fetched, descriptors)),
            Err(what) if what.is_certain() => {
                tracing::debug!(%repository, %tag, %what, "what stands under the fallback tag is no index of referrers");
                Ok(Fallback::Misplaced(what))
            }
            Err(error) => {
                let access = self.access(repository, Mode::Read)?;
                let url = access.url(&format!("manifests/{tag}"));
                let message = format!("the fallback referrers index cannot be read: {error}");
                Err(RegistryError::new(ErrorKind::Malformed, &Method::GET, &url, message))
            }
        }
    }
}

/// What stands under the fallback tag.
enum Fallback {
    Absent,
    Index(FetchedManifest, Vec<Descriptor>),
    Misplaced(NotReferrers),
}

/// Whether the API's first answer means that it has nothing for us: there is no such API (distribution: 404 in plain
/// text; Amazon: 405; Artifactory: 406; whatever stands in front: a page; GitHub: 303 to a page elsewhere), or the registry knows no such subject (404
/// with a code that says so; Quay: 400). The fallback index then tells all.
fn says_nothing(reply: &Reply) -> bool {
    match reply.status.as_u16() {
        200 => classify::is_html(reply),
        // To another host: it was not followed.
        303 => true,
        400 | 404 | 405 | 406 | 501 => {
            !matches!(classify::failure(reply).kind, ErrorKind::Denied | ErrorKind::Throttled)
        }
        _ => false,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    manifests: Option<Vec<Value>>,
}

/// The descriptors on one page. One whose digest is of an algorithm that landfall does not know is left out with a
/// warning: it cannot be one of ours, and must not hide the others.
pub(super) fn page(reply: &Reply, repository: &Repository) -> Result<Vec<Descriptor>, RegistryError> {
    let malformed = |message: String| {
        error(
            reply,
            ErrorKind::Malformed,
            format!("the referrers list cannot be read: {message}"),
        )
    };
    let index: Index = serde_json::from_slice(&reply.bytes).map_err(|error| malformed(error.to_string()))?;
    if index.schema_version != 2 {
        return Err(malformed(format!("schemaVersion {}: expected 2", index.schema_version)));
    }
    let mut descriptors = Vec::new();
    for entry in index.manifests.unwrap_or_default() {
        let digest = entry.get("digest").and_then(Value::as_str).unwrap_or_default();
        if let Err(DigestError::Algorithm(algorithm)) = digest.parse::<Digest>() {
            tracing::warn!(%repository, algorithm, "a referrer is named by a digest that is not supported");
            continue;
        }
        descriptors.push(serde_json::from_value(entry).map_err(|error| malformed(error.to_string()))?);
    }
    Ok(descriptors)
}

#[cfg(test)]
mod tests;
