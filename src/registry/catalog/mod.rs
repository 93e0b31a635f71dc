//! The list of a registry's repositories.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use super::access::Access;
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::pages::{Pages, names};
use crate::http::Reply;
use crate::model::{Prefix, Repository, RepositoryPath, is_within};

/// Without a number: registries refuse one that they find too large, and give pages of their own size.
const FIRST: &str = "_catalog";

/// What a registry lists below a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// Sorted, each once.
    pub repositories: Vec<Repository>,
    /// Names below the prefix that are no repository's (OCI distribution specification, "Pulling manifests"): nobody
    /// can ask for them.
    pub unreadable: Vec<String>,
}

impl HttpRegistries {
    /// The repositories below `prefix`, from all pages of the registry's list (distribution's "Listing Repositories";
    /// not part of the OCI specification).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the registry has no such list, [`ErrorKind::Denied`] where it does not show it;
    /// a list that is not whole is an error too.
    #[tracing::instrument(level = "debug", skip_all, fields(registry = %prefix.registry))]
    pub async fn catalog(&self, prefix: &Prefix) -> Result<Catalog, RegistryError> {
        let access = Access::catalog(prefix, self.settings.of_prefix(prefix), &self.limits)?;
        let mut pages = Pages::new(self, &access, access.url(FIRST), "application/json");
        let mut names = BTreeSet::new();
        while let Some(reply) = pages.next().await? {
            match reply.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND if pages.at_first() => {
                    let message = "the registry has no list of its repositories";
                    return Err(error(&reply, ErrorKind::Unsupported, message));
                }
                _ => return Err(classify::failure(&reply)),
            }
            let page = page(&reply)?;
            let known = names.len();
            names.extend(page.iter().cloned());
            pages.look_beyond(&reply, &page, names.len() - known)?;
            if names.len() > self.limits.repositories {
                let message = format!("more than the {} repositories allowed", self.limits.repositories);
                return Err(error(&reply, ErrorKind::TooLarge, message));
            }
        }
        Ok(below(prefix, names))
    }
}

fn below(prefix: &Prefix, names: BTreeSet<String>) -> Catalog {
    let mut catalog = Catalog::default();
    for name in names {
        match name.parse::<RepositoryPath>() {
            Ok(path) => {
                let repository = Repository::new(prefix.registry.clone(), path);
                if prefix.contains(&repository) {
                    catalog.repositories.push(repository);
                }
            }
            Err(_) if is_within(&name, prefix.path()) => catalog.unreadable.push(name),
            Err(_) => {}
        }
    }
    catalog.repositories.sort_unstable();
    catalog
}

pub(super) fn page(reply: &Reply) -> Result<Vec<String>, RegistryError> {
    let malformed = || error(reply, ErrorKind::Malformed, "the answer is no list of repositories");
    let mut body: Value = serde_json::from_slice(&reply.bytes).map_err(|_| malformed())?;
    body.get_mut("repositories")
        .map(Value::take)
        .and_then(names)
        .ok_or_else(malformed)
}

#[cfg(test)]
mod tests;
