//! Manifests, by tag and by digest.

use bytes::Bytes;

use super::Service;
use super::refusals::{digest_differs, unknown_manifest, unknown_name};
use super::registries::behaviour;
use crate::model::{Digest, Manifest, ManifestKind, Repository, Tag, media_type};
use crate::registry::ManifestAt;
use crate::sim::registry::store::State;
use crate::sim::registry::{Operation, Refusal, RefusalCode, StoredManifest, WriteKind, Writer};

/// What stands at a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub digest: Digest,
    /// `None` where the registry answers for a manifest that it no longer holds.
    pub manifest: Option<StoredManifest>,
}

/// A manifest was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub digest: Digest,
    /// The subject, where the registry says that it put the manifest among that one's referrers.
    pub subject: Option<Digest>,
}

impl Service {
    /// # Errors
    /// `MANIFEST_UNKNOWN` or `NAME_UNKNOWN`.
    pub fn manifest(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<(Digest, StoredManifest), Refusal> {
        self.count(&repository.registry, Operation::ReadManifest);
        let head = find_manifest(&self.store.lock(), repository, at)?;
        let manifest = head.manifest.ok_or_else(|| unknown_manifest(at))?;
        Ok((head.digest, manifest))
    }

    /// # Errors
    /// `MANIFEST_UNKNOWN` or `NAME_UNKNOWN`.
    pub fn head_manifest(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<Head, Refusal> {
        self.count(&repository.registry, Operation::HeadManifest);
        let state = self.store.lock();
        if behaviour(&state, repository).is_some_and(|behaviour| !behaviour.head_finds_manifests) {
            return Err(unknown_manifest(at));
        }
        let head = find_manifest(&state, repository, at)?;
        let trusts_tags = behaviour(&state, repository).is_some_and(|behaviour| behaviour.head_trusts_tags);
        if head.manifest.is_some() || trusts_tags {
            Ok(head)
        } else {
            Err(unknown_manifest(at))
        }
    }

    /// Stores these bytes, and tags them where `at` is a tag.
    ///
    /// # Errors
    /// `MANIFEST_INVALID`, `DIGEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`; `DENIED` for a tag that may not be moved.
    pub fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Accepted, Refusal> {
        self.count(&repository.registry, Operation::WriteManifest);
        let digest = Digest::of(&bytes);
        if let ManifestAt::Digest(wanted) = at
            && *wanted != digest
        {
            return Err(digest_differs(wanted, &digest));
        }
        let mut state = self.store.lock();
        let behaviour = state.registry(&repository.registry).behaviour.clone();
        if bytes.len() > behaviour.max_manifest {
            let message = format!(
                "manifest of {} bytes: at most {} are allowed",
                bytes.len(),
                behaviour.max_manifest
            );
            return Err(Refusal::new(RefusalCode::ManifestInvalid, message).with_status(413));
        }
        let mut manifest = state.manifest(digest, media_type, bytes);
        let Some(parsed) = manifest.parsed.clone() else {
            return Err(Refusal::new(
                RefusalCode::ManifestInvalid,
                "neither an image manifest nor an index",
            ));
        };
        // Clients may leave the type to the body.
        manifest.media_type.clone_from(&parsed.media_type);
        if !behaviour.docker_manifests
            && matches!(
                manifest.media_type.as_str(),
                media_type::DOCKER_MANIFEST | media_type::DOCKER_LIST
            )
        {
            let message = format!("manifests of type {} are not taken here", manifest.media_type);
            return Err(Refusal::new(RefusalCode::ManifestInvalid, message));
        }
        if behaviour.immutable_tags
            && let ManifestAt::Tag(tag) = at
            && let Some(stands) = state.find(repository).and_then(|held| held.tags.get(tag))
            && *stands != digest
        {
            let message = format!("tag {tag} stands on {stands} and is immutable");
            return Err(Refusal::new(RefusalCode::Denied, message).with_status(412));
        }
        if behaviour.validates_content
            && let Some(missing) = missing_content(&state, repository, &parsed)
        {
            return Err(Refusal::new(
                RefusalCode::ManifestBlobUnknown,
                format!("{missing} is not in this repository"),
            ));
        }
        let acknowledges = behaviour.referrers_api && behaviour.acknowledges_subject;
        let subject = manifest.subject().filter(|_| acknowledges);
        let held = state.contents(repository);
        let mut changed = held
            .manifests
            .insert(digest, manifest.clone())
            .is_none_or(|before| before != manifest);
        let tag = match at {
            ManifestAt::Digest(_) => None,
            ManifestAt::Tag(tag) => {
                let before = held.tags.insert(tag.clone(), digest);
                changed |= before != Some(digest);
                if let Some(displaced) = before.filter(|before| *before != digest) {
                    state.let_go(repository, &displaced);
                }
                Some(tag.clone())
            }
        };
        state.record(Writer::Client, repository, WriteKind::Manifest { digest, tag }, changed);
        Ok(Accepted { digest, subject })
    }

    /// # Errors
    /// `MANIFEST_UNKNOWN`, or `UNSUPPORTED` where the registry deletes no tags and a tag was named, or no manifests and a
    /// digest was.
    pub fn delete_manifest(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<(), Refusal> {
        self.count(&repository.registry, Operation::DeleteManifest);
        let mut state = self.store.lock();
        let (kind, deleted) = match at {
            ManifestAt::Digest(digest) => {
                if !state.registry(&repository.registry).behaviour.deletes_manifests {
                    let message = "manifests cannot be deleted here";
                    return Err(Refusal::new(RefusalCode::Unsupported, message));
                }
                (
                    WriteKind::DeleteManifest(*digest),
                    state.remove_manifest(repository, digest),
                )
            }
            ManifestAt::Tag(tag) => {
                if !state.registry(&repository.registry).behaviour.deletes_tags {
                    return Err(Refusal::new(RefusalCode::Unsupported, "tags cannot be deleted here"));
                }
                (WriteKind::DeleteTag(tag.clone()), state.remove_tag(repository, tag))
            }
        };
        if !deleted {
            return Err(unknown_manifest(at));
        }
        state.record(Writer::Client, repository, kind, true);
        Ok(())
    }
}

fn find_manifest(state: &State, repository: &Repository, at: ManifestAt<'_>) -> Result<Head, Refusal> {
    let held = state.find(repository).ok_or_else(|| unknown_name(repository))?;
    match at {
        ManifestAt::Digest(digest) => {
            let manifest = held.manifests.get(digest).ok_or_else(|| unknown_manifest(at))?;
            Ok(Head {
                digest: *digest,
                manifest: Some(manifest.clone()),
            })
        }
        ManifestAt::Tag(tag) => {
            if let Some(digest) = named_by(tag)
                && behaviour(state, repository).is_some_and(|behaviour| behaviour.resolves_digest_tags)
                && let Some(manifest) = held.manifests.get(&digest)
            {
                return Ok(Head {
                    digest,
                    manifest: Some(manifest.clone()),
                });
            }
            let digest = held.tags.get(tag).ok_or_else(|| unknown_manifest(at))?;
            Ok(Head {
                digest: *digest,
                manifest: held.manifests.get(digest).cloned(),
            })
        }
    }
}

/// The digest that a tag spells.
fn named_by(tag: &Tag) -> Option<Digest> {
    let hex = tag.as_str().strip_prefix("sha256-")?;
    format!("sha256:{hex}").parse().ok()
}

/// A child or blob that the manifest names and the repository lacks.
fn missing_content(state: &State, repository: &Repository, manifest: &Manifest) -> Option<Digest> {
    let held = state.find(repository);
    let has_manifest = |digest: &Digest| held.is_some_and(|held| held.manifests.contains_key(digest));
    let has_blob = |digest: &Digest| state.blob(repository, digest).is_some();
    match manifest.kind {
        ManifestKind::Image => manifest
            .blobs()
            .map(|blob| blob.digest)
            .find(|digest| !has_blob(digest)),
        // What is no manifest may be listed too, and is then a blob.
        ManifestKind::Index => {
            let mut children = manifest.manifests.iter().map(|child| child.digest);
            children.find(|digest| !has_manifest(digest) && !has_blob(digest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Seed;
    use crate::sim::images::ImageRecipe;
    use crate::sim::registry::Behaviour;
    use crate::sim::registry::service::test_support::{here, service};

    #[test]
    fn a_manifest_is_refused_until_everything_it_names_is_there() {
        let service = service(Behaviour::default());
        let image = ImageRecipe::single().make(Seed(1));
        let manifest = &image.manifests()[0];
        let put = || {
            let at = ManifestAt::Digest(&manifest.digest);
            service.put_manifest(&here(), at, &manifest.media_type, manifest.bytes.clone())
        };
        assert_eq!(put().unwrap_err().code, RefusalCode::ManifestBlobUnknown);
        for blob in image.blobs() {
            service
                .put_blob(&here(), &blob.descriptor.digest, blob.bytes.clone())
                .unwrap();
        }
        assert_eq!(
            put(),
            Ok(Accepted {
                digest: manifest.digest,
                subject: None
            })
        );
    }

    #[test]
    fn some_registries_answer_head_of_a_tag_whose_manifest_is_gone() {
        for head_trusts_tags in [true, false] {
            let service = service(Behaviour {
                head_trusts_tags,
                deletes_tags_with_manifest: false,
                ..Behaviour::default()
            });
            let image = ImageRecipe::single().make(Seed(1));
            let tag: Tag = "v1".parse().unwrap();
            image.push(service.store(), &here());
            service.store().set_tag(&here(), &tag, image.root());
            service.store().delete_manifest(&here(), &image.root());
            let head = service.head_manifest(&here(), ManifestAt::Tag(&tag));
            assert_eq!(head.is_ok(), head_trusts_tags);
            assert!(service.manifest(&here(), ManifestAt::Tag(&tag)).is_err());
        }
    }

    #[test]
    fn some_registries_deny_to_head_what_they_serve() {
        let service = service(Behaviour {
            head_finds_manifests: false,
            ..Behaviour::default()
        });
        let image = ImageRecipe::single().make(Seed(1));
        image.push(service.store(), &here());
        let at = image.root();
        assert!(service.head_manifest(&here(), ManifestAt::Digest(&at)).is_err());
        assert!(service.manifest(&here(), ManifestAt::Digest(&at)).is_ok());
    }

    #[test]
    fn some_registries_serve_a_manifest_under_the_tag_that_spells_its_digest() {
        let service = service(Behaviour {
            resolves_digest_tags: true,
            ..Behaviour::without_referrers()
        });
        let image = ImageRecipe::single().make(Seed(1));
        image.push(service.store(), &here());
        let tag = Tag::referrers_of(&image.root());
        let (digest, _) = service.manifest(&here(), ManifestAt::Tag(&tag)).unwrap();
        assert_eq!(digest, image.root());
        let signatures = Tag::cosign(&image.root(), "sig");
        assert!(service.manifest(&here(), ManifestAt::Tag(&signatures)).is_err());
    }

    #[test]
    fn a_manifest_goes_with_the_last_of_its_tags_where_the_registry_does_so() {
        for drops_untagged in [true, false] {
            let service = service(Behaviour {
                drops_untagged,
                ..Behaviour::default()
            });
            let images = [1, 2].map(|seed| ImageRecipe::single().make(Seed(seed)));
            let put = |image: usize, tag: &str| {
                let manifest = images[image].root_manifest();
                let tag: Tag = tag.parse().unwrap();
                let at = ManifestAt::Tag(&tag);
                let put = service.put_manifest(&here(), at, &manifest.media_type, manifest.bytes.clone());
                put.unwrap();
            };
            images.iter().for_each(|image| image.push(service.store(), &here()));
            let stands = || service.store().has_manifest(&here(), &images[0].root());
            put(0, "v1");
            put(0, "latest");
            put(1, "latest");
            assert!(stands(), "another tag holds it");
            put(1, "v1");
            assert_eq!(stands(), !drops_untagged);
            let tag: Tag = "v1".parse().unwrap();
            service
                .store()
                .set_tag(&here(), &"latest".parse().unwrap(), images[1].root());
            service.delete_manifest(&here(), ManifestAt::Tag(&tag)).unwrap();
            assert!(service.store().has_manifest(&here(), &images[1].root()));
        }
    }

    #[test]
    fn only_a_registry_that_lists_referrers_acknowledges_a_subject() {
        for (behaviour, acknowledges) in [(Behaviour::default(), true), (Behaviour::without_referrers(), false)] {
            let service = service(behaviour);
            let image = ImageRecipe::single().make(Seed(1));
            let sbom = image.sbom_referrer();
            for blob in sbom.blobs() {
                service
                    .put_blob(&here(), &blob.descriptor.digest, blob.bytes.clone())
                    .unwrap();
            }
            let manifest = &sbom.manifests()[0];
            let at = ManifestAt::Digest(&manifest.digest);
            let accepted = service
                .put_manifest(&here(), at, &manifest.media_type, manifest.bytes.clone())
                .unwrap();
            assert_eq!(accepted.subject, acknowledges.then(|| image.root()));
        }
    }
}
