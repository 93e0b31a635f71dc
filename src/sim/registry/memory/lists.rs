//! Lists of registries in memory.

use super::MemoryRegistries;
use crate::model::{Descriptor, Digest, Manifest, ManifestKind, Repository, Tag, media_type};
use crate::registry::{ErrorKind, FetchedManifest, ManifestAt, Referrers, RegistryError};
use crate::sim::registry::call::{Call, Place};
use crate::sim::registry::faults::Listed;
use crate::sim::registry::{Failure, Fault, Operation};

impl MemoryRegistries {
    pub(super) async fn list_tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        let call = Call::to("GET", Operation::ListTags, repository, Place::Tags);
        let mut tags: Vec<Tag> = Vec::new();
        loop {
            let fault = self.arrive(&call).await?;
            let page = self.service.tags(repository, tags.last().map(Tag::as_str), None);
            let Some((page, more)) = call.seen(call.found(page)?, fault)? else {
                return self.depart(&call, fault, None).await;
            };
            broken(&call, fault)?;
            let page = self.depart(&call, fault, page).await?;
            tags.extend(page);
            if tags.len() > self.limits.tags {
                let message = format!("more than {} tags", self.limits.tags);
                return Err(call.error(ErrorKind::TooLarge, Some(200), message));
            }
            if !more {
                break;
            }
        }
        tags.retain(|tag| !self.faults.is_unlisted(repository, Listed::Tag(tag.clone())));
        Ok(Some(tags))
    }

    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Referrers, RegistryError> {
        let call = Call::to("GET", Operation::ListReferrers, repository, Place::Referrers(subject));
        let fault = self.arrive(&call).await?;
        let listed = call.found(self.service.referrers(repository, subject))?;
        broken(&call, fault)?;
        let mut descriptors = match fault {
            Some(Fault::ReferrersUnsupported) => Vec::new(),
            _ => call.seen(listed, fault)?.unwrap_or_default(),
        };
        if fault == Some(Fault::WrongArtifactType) {
            for descriptor in &mut descriptors {
                descriptor.artifact_type = Some(media_type::OCI_EMPTY.to_owned());
                descriptor.annotations.clear();
            }
        }
        descriptors.retain(|found| !self.faults.is_unlisted(repository, Listed::Referrer(found.digest)));
        let mut descriptors = self.depart(&call, fault, descriptors).await?;
        let from_api: Vec<Digest> = descriptors.iter().map(|found| found.digest).collect();
        let mut fallback = None;
        if let Some((index, entries)) = self.fallback(repository, subject, fault).await? {
            fallback = Some(index);
            for entry in entries {
                if descriptors.iter().all(|found| found.digest != entry.digest) {
                    descriptors.push(entry);
                }
            }
        }
        Ok(Referrers {
            descriptors,
            fallback,
            from_api,
        })
    }

    /// The index under the fallback tag, and its entries.
    async fn fallback(
        &self,
        repository: &Repository,
        subject: &Digest,
        fault: Option<Fault>,
    ) -> Result<Option<(FetchedManifest, Vec<Descriptor>)>, RegistryError> {
        let tag = Tag::referrers_of(subject);
        let at = ManifestAt::Tag(&tag);
        let call = Call::to("GET", Operation::ReadManifest, repository, Place::Manifest(at));
        let struck = self.arrive(&call).await?;
        let fetched = self.checked(&call, self.service.manifest(repository, at), struck)?;
        let malformed = |message: String| call.error(ErrorKind::Malformed, Some(200), message);
        let fetched = self.depart(&call, struck, fetched).await?;
        let Some(fetched) = fetched else {
            return Ok(None);
        };
        if fault == Some(Fault::MalformedFallback) {
            return Err(malformed("the referrers index cannot be read".to_owned()));
        }
        let index = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), &self.limits)
            .map_err(|error| malformed(error.to_string()))?;
        if index.kind != ManifestKind::Index {
            return Err(malformed("what stands under the fallback tag is no index".to_owned()));
        }
        Ok(Some((fetched, index.manifests)))
    }
}

/// A list that did not come whole is none.
fn broken(call: &Call<'_>, fault: Option<Fault>) -> Result<(), RegistryError> {
    match fault {
        Some(Fault::BreaksOff) => Err(call.failed(Failure::Interrupted)),
        Some(Fault::Truncated) => Err(call.failed(Failure::Malformed)),
        _ => Ok(()),
    }
}
