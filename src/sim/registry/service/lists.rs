//! Lists of tags and of referrers.

use std::collections::BTreeMap;

use super::Service;
use super::refusals::unknown_name;
use super::registries::behaviour;
use crate::model::{Descriptor, Digest, Manifest, Repository, Tag};
use crate::sim::registry::{Operation, Refusal, RefusalCode, StoredManifest, UnknownRepository};

impl Service {
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
}

/// A manifest as a referrers list describes it (OCI distribution specification, "Listing Referrers").
pub(in crate::sim::registry) fn describe(digest: Digest, manifest: &StoredManifest) -> Descriptor {
    let parsed = manifest.parsed.as_deref();
    Descriptor {
        artifact_type: parsed.and_then(Manifest::effective_artifact_type).map(str::to_owned),
        annotations: parsed.map_or_else(BTreeMap::new, |parsed| parsed.annotations.clone()),
        ..Descriptor::new(&manifest.media_type, digest, manifest.bytes.len() as u64)
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
}
