//! What a registry does when asked: the OCI distribution specification over the store, without its HTTP. Requests are
//! counted and writes are recorded as a client's, whichever transport brought them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::store::{State, StoredBlob};
use super::{Behaviour, Operation, Refusal, RefusalCode, Store, StoredManifest, UnknownRepository, WriteKind, Writer};
use crate::model::{Descriptor, Digest, Manifest, ManifestKind, Registry, Repository, RepositoryPath, Tag, media_type};
use crate::registry::ManifestAt;

/// The registries of a store, ready to be asked.
#[derive(Debug, Clone)]
pub struct Service {
    store: Store,
}

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
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn ping(&self, registry: &Registry) {
        self.count(registry, Operation::Ping);
    }

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
                changed |= held.tags.insert(tag.clone(), digest) != Some(digest);
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
                let deleted = state
                    .find_mut(repository)
                    .is_some_and(|held| held.tags.remove(tag).is_some());
                (WriteKind::DeleteTag(tag.clone()), deleted)
            }
        };
        if !deleted {
            return Err(unknown_manifest(at));
        }
        state.record(Writer::Client, repository, kind, true);
        Ok(())
    }

    /// The size in bytes of a blob that can be read in this repository.
    #[must_use]
    pub fn head_blob(&self, repository: &Repository, digest: &Digest) -> Option<usize> {
        self.count(&repository.registry, Operation::HeadBlob);
        self.store.stored_blob(repository, digest).map(|blob| blob.bytes.len())
    }

    #[must_use]
    pub fn blob(&self, repository: &Repository, digest: &Digest) -> Option<StoredBlob> {
        self.count(&repository.registry, Operation::ReadBlob);
        self.store.stored_blob(repository, digest)
    }

    /// # Errors
    /// `DIGEST_INVALID`.
    pub fn put_blob(&self, repository: &Repository, digest: &Digest, bytes: Bytes) -> Result<(), Refusal> {
        self.count(&repository.registry, Operation::WriteBlob);
        let blob = StoredBlob::new(bytes);
        if blob.computed != *digest {
            return Err(digest_differs(digest, &blob.computed));
        }
        let mut state = self.store.lock();
        let changed = state.link_blob(repository, *digest, blob);
        state.record(Writer::Client, repository, WriteKind::Blob(*digest), changed);
        Ok(())
    }

    /// False where the registry does not mount or the blob is not there: the client has to upload it.
    #[must_use]
    pub fn mount_blob(&self, repository: &Repository, from: &RepositoryPath, digest: &Digest) -> bool {
        self.count(&repository.registry, Operation::MountBlob);
        let mut state = self.store.lock();
        if !state.registry(&repository.registry).behaviour.mounts {
            return false;
        }
        let source = Repository::new(repository.registry.clone(), from.clone());
        let Some(blob) = state.blob(&source, digest).cloned() else {
            return false;
        };
        let changed = state.link_blob(repository, *digest, blob);
        let kind = WriteKind::Mount {
            digest: *digest,
            from: from.clone(),
        };
        state.record(Writer::Client, repository, kind, changed);
        true
    }

    /// # Errors
    /// `BLOB_UNKNOWN`.
    pub fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<(), Refusal> {
        self.count(&repository.registry, Operation::DeleteBlob);
        let mut state = self.store.lock();
        if !state.unlink_blob(repository, digest) {
            return Err(Refusal::new(
                RefusalCode::BlobUnknown,
                format!("{digest} is not in this repository"),
            ));
        }
        state.record(Writer::Client, repository, WriteKind::DeleteBlob(*digest), true);
        Ok(())
    }

    /// The tags after `last`, at most `count` of them and at most what the registry gives on one page; and whether there
    /// are more.
    ///
    /// # Errors
    /// `NAME_UNKNOWN`.
    pub fn tags(
        &self,
        repository: &Repository,
        last: Option<&str>,
        count: Option<usize>,
    ) -> Result<(Vec<Tag>, bool), Refusal> {
        self.count(&repository.registry, Operation::ListTags);
        let state = self.store.lock();
        let behaviour = behaviour(&state, repository).cloned().unwrap_or_default();
        let known = state
            .find(repository)
            .filter(|held| !held.tags.is_empty() || behaviour.knows_untagged_repositories);
        let Some(held) = known else {
            return match behaviour.unknown_repository {
                UnknownRepository::EmptyList => Ok((Vec::new(), false)),
                UnknownRepository::NameUnknown => Err(unknown_name(repository)),
            };
        };
        let mut listed = held
            .tags
            .iter()
            .filter(|(_, digest)| behaviour.lists_dangling_tags || held.manifests.contains_key(*digest))
            .map(|(tag, _)| tag)
            .filter(|tag| last.is_none_or(|last| tag.as_str() > last));
        let wanted = count.unwrap_or(behaviour.tag_page);
        let page: Vec<Tag> = listed.by_ref().take(wanted.min(behaviour.tag_page)).cloned().collect();
        Ok((page, wanted > 0 && listed.next().is_some()))
    }

    /// What refers to `subject`, by the registry's own account. An unknown subject has no referrers.
    ///
    /// # Errors
    /// `UNSUPPORTED` where the registry has no referrers API.
    pub fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>, Refusal> {
        self.count(&repository.registry, Operation::ListReferrers);
        let mut state = self.store.lock();
        if !state.registry(&repository.registry).behaviour.referrers_api {
            return Err(Refusal::new(RefusalCode::Unsupported, "there is no referrers API here").with_status(404));
        }
        let Some(held) = state.find(repository) else {
            return Ok(Vec::new());
        };
        let refers = held
            .manifests
            .iter()
            .filter(|(_, manifest)| manifest.subject() == Some(*subject));
        Ok(refers.map(|(digest, manifest)| describe(*digest, manifest)).collect())
    }

    /// A write that the registry acknowledged and lost.
    pub(super) fn lose(&self, repository: &Repository, operation: Operation, kind: WriteKind) {
        let mut state = self.store.lock();
        state.count(&repository.registry, operation);
        state.record(Writer::Client, repository, kind, false);
    }

    pub(super) fn count(&self, registry: &Registry, operation: Operation) {
        self.store.lock().count(registry, operation);
    }
}

fn behaviour<'a>(state: &'a State, repository: &Repository) -> Option<&'a Behaviour> {
    state
        .registries
        .get(&repository.registry)
        .map(|registry| &registry.behaviour)
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
            let digest = held.tags.get(tag).ok_or_else(|| unknown_manifest(at))?;
            Ok(Head {
                digest: *digest,
                manifest: held.manifests.get(digest).cloned(),
            })
        }
    }
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

/// A manifest as a referrers list describes it (OCI distribution specification, "Listing Referrers").
pub(super) fn describe(digest: Digest, manifest: &StoredManifest) -> Descriptor {
    let parsed = manifest.parsed.as_deref();
    Descriptor {
        artifact_type: parsed.and_then(Manifest::effective_artifact_type).map(str::to_owned),
        annotations: parsed.map_or_else(BTreeMap::new, |parsed| parsed.annotations.clone()),
        ..Descriptor::new(&manifest.media_type, digest, manifest.bytes.len() as u64)
    }
}

fn unknown_name(repository: &Repository) -> Refusal {
    Refusal::new(
        RefusalCode::NameUnknown,
        format!("repository {} is not known", repository.path),
    )
}

fn unknown_manifest(at: ManifestAt<'_>) -> Refusal {
    Refusal::new(RefusalCode::ManifestUnknown, format!("manifest {at} is not known"))
}

fn digest_differs(wanted: &Digest, computed: &Digest) -> Refusal {
    Refusal::new(
        RefusalCode::DigestInvalid,
        format!("the content is {computed}, not {wanted}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Seed;
    use crate::sim::images::ImageRecipe;

    fn here() -> Repository {
        "one.test/app".parse().unwrap()
    }

    fn service(behaviour: Behaviour) -> Service {
        let store = Store::new();
        store.set_behaviour(&here().registry, behaviour);
        Service::new(store)
    }

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
    fn a_tag_list_comes_in_pages_in_order() {
        let service = service(Behaviour {
            tag_page: 2,
            ..Behaviour::default()
        });
        let image = ImageRecipe::single().make(Seed(1));
        image.push(service.store(), &here());
        for tag in ["c", "a", "b"] {
            service.store().set_tag(&here(), &tag.parse().unwrap(), image.root());
        }
        let page = |last, count| {
            let (tags, more) = service.tags(&here(), last, count).unwrap();
            (tags.iter().map(Tag::to_string).collect::<Vec<_>>().join(" "), more)
        };
        assert_eq!(page(None, None), ("a b".into(), true));
        assert_eq!(page(Some("b"), None), ("c".into(), false));
        assert_eq!(page(None, Some(1)), ("a".into(), true));
        assert_eq!(page(None, Some(100)), ("a b".into(), true));
        assert_eq!(page(None, Some(0)), (String::new(), false));
    }

    #[test]
    fn registries_differ_in_what_they_say_of_what_they_do_not_hold() {
        let list = |behaviour| service(behaviour).tags(&here(), None, None);
        assert_eq!(list(Behaviour::default()).unwrap_err().code, RefusalCode::NameUnknown);
        let unknown_repository = UnknownRepository::EmptyList;
        assert_eq!(
            list(Behaviour {
                unknown_repository,
                ..Behaviour::default()
            }),
            Ok((Vec::new(), false))
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
    fn referrers_follow_the_subject_and_carry_the_artifact_type() {
        let service = service(Behaviour::default());
        let image = ImageRecipe::single().make(Seed(1));
        let sbom = image.sbom_referrer();
        sbom.push(service.store(), &here());
        let listed = service.referrers(&here(), &image.root()).unwrap();
        assert_eq!(
            listed.iter().map(|found| found.digest).collect::<Vec<_>>(),
            [sbom.root()]
        );
        assert_eq!(listed[0].artifact_type.as_deref(), Some("application/spdx+json"));
        assert_eq!(service.referrers(&here(), &sbom.root()), Ok(Vec::new()));
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
