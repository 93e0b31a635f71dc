//! What a registry shows to whoever only reads.

use super::examination::{Check, Outcome, failed};
use crate::assembly::AllowedRegistries;
use crate::model::counted;
use crate::model::{Capability, Digest, Knowledge, Limits, Manifest, Prefix, Repository, Tag};
use crate::registry::{ManifestAt, Registry as _, RegistryError};

const TOPIC: &str = "reads";

/// Asks for the catalog, for referrers, and, where there is a repository with an image, for what only that can show. Also
/// says whether there was something to read.
pub async fn look(
    registries: &AllowedRegistries,
    prefix: &Prefix,
    place: &Repository,
    limits: &Limits,
) -> (Check, Vec<(Capability, Knowledge)>) {
    let (catalog, listed) = match registries.for_listing(prefix) {
        Ok(registry) => registry.probe_catalog(prefix).await,
        Err(error) => (Knowledge::unknown(error.short()), None),
    };
    let mut learnt = vec![(Capability::Catalog, catalog)];
    // The prefix may be a repository itself; else the first one below it shows what all do.
    let mut example = None;
    let mut check = Check::new(
        TOPIC,
        Outcome::Note,
        "no repository was found there, nothing could be read",
    );
    for (repository, is_listed) in [(Some(place.clone()), false), (listed, true)] {
        let Some(repository) = repository else { continue };
        match registries.tags(&repository).await {
            Ok(Some(tags)) => {
                check = Check::new(
                    TOPIC,
                    Outcome::Fine,
                    format!("{} of {repository}", counted(tags.len(), "tag")),
                );
                example = Some((repository, tags));
                break;
            }
            Ok(None) => {}
            // Registries hide so what is not there, too.
            Err(error) if error.is_denied() && !is_listed => {
                let text = format!("{repository}, if it is there, is not shown: {}", error.short());
                check = Check::new(TOPIC, Outcome::Note, text);
            }
            Err(error) => check = failed(TOPIC, &error),
        }
    }
    match example {
        None => {
            let knowledge = match registries.for_reading(place) {
                Ok(registry) => registry.probe_referrers(place, &Digest::of(b""), false).await,
                Err(error) => Knowledge::unknown(error.short()),
            };
            learnt.push((Capability::Referrers, knowledge));
        }
        Some((repository, tags)) => match example_shows(registries, &repository, tags.first(), limits).await {
            Ok(shown) => learnt.extend(shown),
            Err(error) => learnt.push((Capability::Referrers, Knowledge::unknown(error.short()))),
        },
    }
    (check, learnt)
}

async fn example_shows(
    registries: &AllowedRegistries,
    repository: &Repository,
    tag: Option<&Tag>,
    limits: &Limits,
) -> Result<Vec<(Capability, Knowledge)>, RegistryError> {
    let registry = registries.for_reading(repository)?;
    let mut learnt = vec![(Capability::TagDigests, registry.probe_tag_digests(repository).await?)];
    let manifest = match tag {
        Some(tag) => registry.manifest(repository, ManifestAt::Tag(tag)).await?,
        None => None,
    };
    let subject = manifest
        .as_ref()
        .map_or_else(|| Digest::of(b""), |manifest| manifest.digest);
    let referrers = registry.probe_referrers(repository, &subject, manifest.is_some()).await;
    learnt.push((Capability::Referrers, referrers));
    let blob = manifest.and_then(|fetched| {
        let parsed = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), limits).ok()?;
        parsed.blobs().find(|blob| !blob.is_foreign()).cloned()
    });
    if let Some(blob) = blob {
        learnt.push((Capability::RangeDownload, registry.probe_range(repository, &blob).await));
    }
    Ok(learnt)
}
