//! Lists of registries in memory.

use super::MemoryRegistries;
use crate::model::{Descriptor, Digest, NotReferrers, Repository, Tag, media_type, referrers_index};
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
        let (mut fallback, mut misplaced) = (None, None);
        match self.fallback(repository, subject, fault).await? {
            None => {}
            Some((_, Err(what))) => misplaced = Some(what),
            Some((index, Ok(entries))) => {
                fallback = Some(index);
                for entry in entries {
                    if descriptors.iter().all(|found| found.digest != entry.digest) {
                        descriptors.push(entry);
                    }
                }
            }
        }
        Ok(Referrers {
            descriptors,
            fallback,
            misplaced,
            from_api,
        })
    }

    /// What stands under the fallback tag, and its entries where it is an index of referrers.
    async fn fallback(
        &self,
        repository: &Repository,
        subject: &Digest,
        fault: Option<Fault>,
    ) -> Result<Option<(FetchedManifest, Result<Vec<Descriptor>, NotReferrers>)>, RegistryError> {
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
        let entries = referrers_index(&fetched.bytes, fetched.media_type.as_deref(), subject, &self.limits);
        match entries {
            Err(error) if !error.is_certain() => Err(malformed(error.to_string())),
            entries => Ok(Some((fetched, entries))),
        }
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
