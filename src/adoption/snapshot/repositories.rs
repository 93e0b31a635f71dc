//! Which repositories are written down, and what stands in them.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use miette::Diagnostic;
use thiserror::Error;

use super::reading::ReadError;
use super::selection::{Selected, Selection};
use crate::assembly::AllowedRegistries;
use crate::model::{Limits, Prefix, Repository, RepositoryPath};
use crate::registry::{ErrorKind, RegistryError};

/// Repositories that are read at once.
const AT_ONCE: usize = 4;

/// What stands below a prefix.
#[derive(Debug, Default)]
pub struct Found {
    /// By name below the prefix.
    pub images: BTreeMap<RepositoryPath, Selected>,
    /// What is there and cannot be written down, with the reason.
    pub left_out: Vec<(String, String)>,
}

/// Why what stands below a prefix was not read.
#[derive(Debug, Error)]
pub enum FindError {
    #[error("the repositories of {} cannot be listed: {error}", .prefix.registry)]
    NoList { prefix: Prefix, error: RegistryError },
    /// It was asked for by its name.
    #[error("the registry does not know {repository}")]
    Unknown { repository: Repository },
    #[error("what stands there cannot be read as a whole; nothing was written")]
    Unreadable(#[from] ReadError),
}

impl Diagnostic for FindError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::NoList { prefix, error } => Some(Box::new(without_a_list(prefix, error))),
            Self::Unknown { .. } | Self::Unreadable(_) => None,
        }
    }
}

/// Reads the repositories of these names, or without any all that the registry lists.
///
/// # Errors
/// A registry that lists nothing, a named repository that is not there, whatever cannot be read.
pub async fn find(
    registries: &AllowedRegistries,
    prefix: &Prefix,
    names: &[RepositoryPath],
    selection: &Selection,
    limits: &Limits,
) -> Result<Found, FindError> {
    let mut found = Found::default();
    let repositories = if names.is_empty() {
        listed(registries, prefix, &mut found).await?
    } else {
        names.iter().map(|name| prefix.join(name)).collect()
    };
    let read = repositories.into_iter().map(|repository| async move {
        let selected = selection.read(registries, &repository, limits).await;
        selected.map(|selected| (repository, selected))
    });
    let mut read = stream::iter(read).buffer_unordered(AT_ONCE).boxed();
    while let Some((repository, selected)) = read.try_next().await? {
        tracing::info!(%repository, tags = selected.as_ref().map(|selected| selected.tags.len()), "read");
        let Some(name) = name_below(prefix, &repository) else {
            found.left_out.push((
                repository.to_string(),
                "it stands at the prefix itself, not below it: give a shorter prefix, and its name as --repository"
                    .to_owned(),
            ));
            continue;
        };
        match selected {
            Some(selected) => _ = found.images.insert(name, selected),
            None if names.is_empty() => {
                let reason = "the registry lists it, and says that it does not know it: it was emptied".to_owned();
                found.left_out.push((repository.to_string(), reason));
            }
            None => return Err(FindError::Unknown { repository }),
        }
    }
    found.left_out.sort();
    Ok(found)
}

async fn listed(
    registries: &AllowedRegistries,
    prefix: &Prefix,
    found: &mut Found,
) -> Result<Vec<Repository>, FindError> {
    let catalog = registries.catalog(prefix).await.map_err(|error| FindError::NoList {
        prefix: prefix.clone(),
        error,
    })?;
    found.left_out.extend(catalog.unreadable.into_iter().map(|name| {
        let printable: String = name.escape_debug().take(255).collect();
        let reason = "the registry lists it, and the name is none that a repository may have".to_owned();
        (format!("{}/{printable}", prefix.registry), reason)
    }));
    Ok(catalog.repositories)
}

fn without_a_list(prefix: &Prefix, error: &RegistryError) -> String {
    let has_none = matches!(
        error.kind,
        ErrorKind::Unsupported | ErrorKind::Denied | ErrorKind::Malformed | ErrorKind::Refused
    );
    if has_none {
        format!(
            "name the repositories below {prefix} instead: `--repository NAME`, as often as there are any; many \
             registries do not show who lives there"
        )
    } else {
        "nothing was written; try again".to_owned()
    }
}

/// The image that promotes to this repository below the prefix.
fn name_below(prefix: &Prefix, repository: &Repository) -> Option<RepositoryPath> {
    let path = repository.path.as_str();
    let below = match prefix.path() {
        "" => path,
        above => path.strip_prefix(above)?.strip_prefix('/')?,
    };
    below.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_what_stands_below_the_prefix() {
        let name = |prefix: &str, repository: &str| {
            let name = name_below(&prefix.parse().unwrap(), &repository.parse().unwrap());
            name.map(|name| name.to_string())
        };
        assert_eq!(name("r.example.com", "r.example.com/a/b"), Some("a/b".to_owned()));
        assert_eq!(name("r.example.com/a", "r.example.com/a/b/c"), Some("b/c".to_owned()));
        assert_eq!(name("r.example.com/a", "r.example.com/a"), None);
    }
}
