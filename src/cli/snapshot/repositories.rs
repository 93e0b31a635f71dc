//! Which repositories are written down, and what stands in them.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use miette::{IntoDiagnostic as _, Report, WrapErr as _, miette};

use super::reading::ReadError;
use super::selection::{Selected, Selection};
use crate::cli::connection::AllowedRegistries;
use crate::cli::{ExitCode, WithExitCode as _};
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
) -> Result<Found, Report> {
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
    loop {
        let (repository, selected) = match read.try_next().await {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(error) => return failure(error),
        };
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
            None => {
                return Err(miette!("the registry does not know {repository}")).with_exit_code(ExitCode::Invalid);
            }
        }
    }
    found.left_out.sort();
    Ok(found)
}

async fn listed(registries: &AllowedRegistries, prefix: &Prefix, found: &mut Found) -> Result<Vec<Repository>, Report> {
    let catalog = match registries.catalog(prefix).await {
        Ok(catalog) => catalog,
        Err(error) => return no_list(prefix, &error),
    };
    found.left_out.extend(catalog.unreadable.into_iter().map(|name| {
        let printable: String = name.escape_debug().take(255).collect();
        let reason = "the registry lists it, and the name is none that a repository may have".to_owned();
        (format!("{}/{printable}", prefix.registry), reason)
    }));
    Ok(catalog.repositories)
}

fn no_list<T>(prefix: &Prefix, error: &RegistryError) -> Result<T, Report> {
    let has_none = matches!(
        error.kind,
        ErrorKind::Unsupported | ErrorKind::Denied | ErrorKind::Malformed | ErrorKind::Refused
    );
    let code = if error.is_denied() {
        ExitCode::AccessRefused
    } else {
        ExitCode::Failed
    };
    let help = if has_none {
        format!(
            "name the repositories below {prefix} instead: `--repository NAME`, as often as there are any; many \
                 registries do not show who lives there"
        )
    } else {
        "nothing was written; try again".to_owned()
    };
    Err(miette!(
        help = help,
        "the repositories of {} cannot be listed: {error}",
        prefix.registry
    ))
    .with_exit_code(code)
}

fn failure<T>(error: ReadError) -> Result<T, Report> {
    let code = if error.is_denied() {
        ExitCode::AccessRefused
    } else {
        ExitCode::Failed
    };
    Err(error)
        .into_diagnostic()
        .wrap_err("what stands there cannot be read as a whole; nothing was written")
        .with_exit_code(code)
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
