//! Which images are meant: one, or one with all its platforms.

use std::collections::HashSet;

use super::GatherError;
use crate::model::{Descriptor, Digest, Limits, Manifest, ManifestKind, Repository, Tag};
use crate::registry::{ManifestAt, Registry};

/// buildx marks what is no platform but an attestation of one so.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// One image that is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageAt {
    pub digest: Digest,
    /// Such as `linux/arm64`, for one that an index lists.
    pub platform: Option<String>,
}

/// The image that stands there; with `recursive`, all that its indexes list behind it, each once.
///
/// # Errors
/// What cannot be read, or is not there.
pub async fn images_of<R: Registry>(
    registry: &R,
    repository: &Repository,
    tag: Option<&Tag>,
    digest: Option<&Digest>,
    recursive: bool,
    limits: &Limits,
) -> Result<Vec<ImageAt>, GatherError> {
    let root = root(registry, repository, tag, digest).await?;
    let mut images = vec![ImageAt {
        digest: root,
        platform: None,
    }];
    if !recursive {
        return Ok(images);
    }
    let mut seen = HashSet::from([root]);
    let mut level = vec![root];
    let mut depth = 0;
    while !level.is_empty() {
        let mut below = Vec::new();
        for parent in level {
            for child in children(registry, repository, &parent, limits).await? {
                if !seen.insert(child.digest) {
                    continue;
                }
                if seen.len() > limits.image_manifests {
                    return Err(GatherError::TooMany {
                        repository: repository.clone(),
                        digest: root,
                        limit: limits.image_manifests,
                    });
                }
                images.push(ImageAt {
                    digest: child.digest,
                    platform: child.platform.as_ref().map(platform),
                });
                below.push(child.digest);
            }
        }
        depth += 1;
        if depth > limits.nesting && !below.is_empty() {
            return Err(GatherError::TooDeep {
                repository: repository.clone(),
                digest: root,
                limit: limits.nesting,
            });
        }
        level = below;
    }
    Ok(images)
}

async fn root<R: Registry>(
    registry: &R,
    repository: &Repository,
    tag: Option<&Tag>,
    digest: Option<&Digest>,
) -> Result<Digest, GatherError> {
    let latest = || "latest".parse::<Tag>().ok();
    let named = match (tag, digest) {
        (None, None) => latest(),
        (tag, _) => tag.cloned(),
    };
    let at = match (&named, digest) {
        (Some(tag), _) => ManifestAt::Tag(tag),
        (None, Some(digest)) => ManifestAt::Digest(digest),
        (None, None) => {
            return Err(GatherError::Absent {
                place: repository.to_string(),
            });
        }
    };
    let place = match at {
        ManifestAt::Tag(tag) => format!("{repository}:{tag}"),
        ManifestAt::Digest(digest) => format!("{repository}@{digest}"),
    };
    let Some(found) = registry.manifest(repository, at).await? else {
        return Err(GatherError::Absent { place });
    };
    match digest {
        Some(expected) if *expected != found.digest => Err(GatherError::OtherDigest {
            place,
            found: found.digest,
            expected: *expected,
        }),
        _ => Ok(found.digest),
    }
}

async fn children<R: Registry>(
    registry: &R,
    repository: &Repository,
    parent: &Digest,
    limits: &Limits,
) -> Result<Vec<Descriptor>, GatherError> {
    let Some(fetched) = registry.manifest(repository, ManifestAt::Digest(parent)).await? else {
        return Err(GatherError::Incomplete {
            repository: repository.clone(),
            digest: *parent,
            child: *parent,
        });
    };
    let manifest = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), limits).map_err(|source| {
        GatherError::Manifest {
            repository: repository.clone(),
            digest: *parent,
            source,
        }
    })?;
    Ok(match manifest.kind {
        ManifestKind::Image => Vec::new(),
        ManifestKind::Index => manifest
            .manifests
            .into_iter()
            .filter(|child| !child.annotations.contains_key(REFERENCE_TYPE))
            .collect(),
    })
}

fn platform(platform: &serde_json::Value) -> String {
    let part = |name: &str| platform.get(name).and_then(serde_json::Value::as_str);
    let parts = ["os", "architecture", "variant"].into_iter().filter_map(part);
    let parts: Vec<String> = parts
        .map(|part| part.chars().filter(char::is_ascii_graphic).take(40).collect())
        .collect();
    parts.join("/")
}
