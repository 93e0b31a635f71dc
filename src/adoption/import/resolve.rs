//! From what is wanted to digests, as they stand at the sources now.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::report::{Note, Report};
use super::wanted::{AllWanted, Images, Wanted, WantedRegistry};
use crate::adoption::snapshot::{ReadError, read};
use crate::assembly::AllowedRegistries;
use crate::model::{Digest, Prefix, Repository, RepositoryPath, Tag};
use crate::registry::{ManifestAt, Registry as _};

/// Repositories that are read at once.
const AT_ONCE: usize = 4;

/// One image that is to stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub line: u32,
    pub source: Repository,
    pub target: Repository,
    pub tag: Option<Tag>,
    pub digest: Digest,
}

/// Reads the digests. What the registry says is not there is noted, and left out.
///
/// # Errors
/// An answer that is none.
pub async fn resolve(
    registries: &AllowedRegistries,
    wanted: AllWanted,
    report: &mut Report,
) -> Result<Vec<Resolved>, ReadError> {
    let mut repositories = wanted.repositories;
    for registry in &wanted.registries {
        repositories.extend(listed(registries, registry, report).await?);
    }
    let reads = repositories.into_iter().map(|wanted| one(registries, wanted));
    // In the order of the file, so that of two that contradict the first is kept. Boxed: the compiler cannot prove
    // this stream `Send` for every lifetime otherwise.
    let mut reads = stream::iter(reads).buffered(AT_ONCE).boxed();
    let mut resolved = Vec::new();
    while let Some((found, notes)) = reads.try_next().await? {
        resolved.extend(found);
        report.notes.extend(notes);
    }
    Ok(resolved)
}

async fn listed(
    registries: &AllowedRegistries,
    wanted: &WantedRegistry,
    report: &mut Report,
) -> Result<Vec<Wanted>, ReadError> {
    let catalog = registries.catalog(&Prefix::of(wanted.source.clone())).await?;
    for name in catalog.unreadable.iter().filter(|name| wanted.repositories.takes(name)) {
        let what = format!("{}/{}", wanted.source, name.escape_debug());
        report.lost(wanted.line, what, "the name is none that a repository may have");
    }
    let mut repositories = Vec::new();
    for source in catalog.repositories {
        if !wanted.repositories.takes(source.path.as_str()) {
            continue;
        }
        let name: RepositoryPath = source.path.clone();
        repositories.push(Wanted {
            line: wanted.line,
            target: wanted.target.join(&name),
            source,
            images: Images::Tags(wanted.tags.clone()),
        });
    }
    if repositories.is_empty() {
        let why = "the registry lists no repository that is chosen";
        report.lost(wanted.line, wanted.source.to_string(), why);
    }
    Ok(repositories)
}

async fn one(registries: &AllowedRegistries, wanted: Wanted) -> Result<(Vec<Resolved>, Vec<Note>), ReadError> {
    let Wanted {
        line,
        source,
        target,
        images,
    } = wanted;
    let lost = |what: String, why: &str| Note {
        line,
        what,
        why: why.to_owned(),
        lost: true,
    };
    let mut notes = Vec::new();
    let found: Vec<(Option<Tag>, Digest)> = match images {
        Images::Tags(choice) => {
            let standing = read(registries, &source, |tag| choice.takes(tag.as_str())).await?;
            let Some(standing) = standing else {
                let note = lost(source.to_string(), "the registry does not know the repository");
                return Ok((Vec::new(), vec![note]));
            };
            let vanished = standing.vanished.iter();
            notes.extend(vanished.map(|tag| lost(format!("{source}:{tag}"), "it is listed, and nothing stands there")));
            if standing.tags.is_empty() && notes.is_empty() {
                notes.push(lost(source.to_string(), "the repository has no tag that is chosen"));
            }
            standing
                .tags
                .into_iter()
                .map(|(tag, digest)| (Some(tag), digest))
                .collect()
        }
        Images::Tag { of_source, of_target } => {
            match registries.head_manifest(&source, ManifestAt::Tag(&of_source)).await? {
                Some(digest) => vec![(Some(of_target), digest)],
                None => {
                    notes.push(lost(format!("{source}:{of_source}"), "nothing stands there now"));
                    Vec::new()
                }
            }
        }
        Images::Digest { digest, of_target } => {
            match registries.head_manifest(&source, ManifestAt::Digest(&digest)).await? {
                Some(digest) => vec![(of_target, digest)],
                None => {
                    notes.push(lost(format!("{source}@{digest}"), "nothing stands there now"));
                    Vec::new()
                }
            }
        }
    };
    let resolved = found.into_iter().map(|(tag, digest)| Resolved {
        line,
        source: source.clone(),
        target: target.clone(),
        tag,
        digest,
    });
    Ok((resolved.collect(), notes))
}
