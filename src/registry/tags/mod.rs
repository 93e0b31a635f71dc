//! Tag lists.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use super::access::Mode;
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::pages::{self, Pages};
use crate::http::Reply;
use crate::model::{Repository, Tag};

/// How many tags to ask for at once; registries give fewer, or all, as they please.
const PAGE: &str = "tags/list?n=1000";

impl HttpRegistries {
    /// Sorted, each once. A tag that the specification does not allow is left out with a warning: nobody can ask for
    /// it, and it must not hide the others.
    pub(super) async fn list_tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        let mut pages = Pages::new(self, &access, access.url(PAGE), "application/json");
        let mut tags = BTreeSet::new();
        let mut skipped = 0_usize;
        while let Some(reply) = pages.next().await? {
            if reply.status != StatusCode::OK {
                return if pages.at_first() && classify::is_absence(&reply) {
                    Ok(None)
                } else {
                    Err(classify::failure(&reply))
                };
            }
            let names = page(&reply, repository)?;
            let known = tags.len();
            for name in &names {
                match name.parse() {
                    Ok(tag) => _ = tags.insert(tag),
                    Err(_) => skipped += 1,
                }
            }
            pages.look_beyond(&reply, &names, tags.len() - known)?;
            if tags.len() > self.limits.tags {
                let message = format!("the repository has more than the {} tags allowed", self.limits.tags);
                return Err(error(&reply, ErrorKind::TooLarge, message));
            }
        }
        if skipped > 0 {
            tracing::warn!(%repository, skipped, "the tag list holds names that are no tags");
        }
        Ok(Some(tags.into_iter().collect()))
    }
}

/// The names on one page. A body that speaks neither of tags nor of this repository is no tag list at all.
pub(super) fn page(reply: &Reply, repository: &Repository) -> Result<Vec<String>, RegistryError> {
    let malformed = || error(reply, ErrorKind::Malformed, "the answer is not a tag list");
    let mut body: Value = serde_json::from_slice(&reply.bytes).map_err(|_| malformed())?;
    let named = body.get("name").and_then(Value::as_str) == Some(repository.path.as_str());
    match body.get_mut("tags").map(Value::take) {
        Some(list) => pages::names(list).ok_or_else(malformed),
        None if named => Ok(Vec::new()),
        None => Err(malformed()),
    }
}

#[cfg(test)]
mod tests;
