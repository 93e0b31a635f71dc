//! When an image was made, as far as it says.

use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::Deserialize;

use super::ReadError;
use crate::model::{Descriptor, Digest, Limits, Manifest, Repository};
use crate::registry::{ManifestAt, Registry, RegistryError};

/// "date and time on which the image was built" (OCI image specification, "Pre-Defined Annotation Keys").
const CREATED: &str = "org.opencontainers.image.created";

/// The annotation of the image or index itself, else `created` in its configuration; of an index, what the first
/// image in it says. Times up to 1970 count as none: builds that are to be reproducible write such.
pub async fn creation<R: Registry>(
    registry: &R,
    repository: &Repository,
    image: &Digest,
    limits: &Limits,
) -> Result<Option<Timestamp>, ReadError> {
    let mut digest = *image;
    for _ in 0..=limits.nesting {
        let fetched = registry.manifest(repository, ManifestAt::Digest(&digest)).await?;
        let fetched = fetched.ok_or_else(|| ReadError::Gone {
            repository: repository.clone(),
            digest,
        })?;
        let manifest = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), limits).map_err(|source| {
            ReadError::Manifest {
                repository: repository.clone(),
                digest,
                source,
            }
        })?;
        if let Some(created) = manifest.annotations.get(CREATED).and_then(|text| time(text)) {
            return Ok(Some(created));
        }
        if let Some(config) = &manifest.config {
            return Ok(configured(registry, repository, config, limits).await?);
        }
        // What BuildKit attests stands beside the images, for a platform that there is none of.
        let Some(first) = manifest.manifests.iter().find(|listed| !is_attestation(listed)) else {
            return Ok(None);
        };
        digest = first.digest;
    }
    Ok(None)
}

fn is_attestation(listed: &Descriptor) -> bool {
    listed.annotations.contains_key("vnd.docker.reference.type")
}

/// What the configuration says, where it is an image's.
async fn configured<R: Registry>(
    registry: &R,
    repository: &Repository,
    config: &Descriptor,
    limits: &Limits,
) -> Result<Option<Timestamp>, RegistryError> {
    #[derive(Deserialize)]
    struct Config {
        created: Option<String>,
    }

    if config.size > limits.small_blob as u64 {
        return Ok(None);
    }
    let Some(mut pieces) = registry.blob(repository, config).await? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    // Configurations of other artifacts are no JSON, or say nothing of it.
    let config: Option<Config> = serde_json::from_slice(&bytes).ok();
    Ok(config.and_then(|config| config.created).and_then(|text| time(&text)))
}

/// RFC 3339, section 5.6.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproducible_builds_say_nothing_of_when_they_were_made() {
        assert!(time("2026-11-01T12:00:00.123456789Z").is_some());
        assert!(time("2026-11-01T12:00:00+02:00").is_some());
        for none in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "yesterday", ""] {
            assert_eq!(time(none), None, "{none}");
        }
    }
}
