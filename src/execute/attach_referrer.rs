//! Manifests that refer to another: put by digest, and listed.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Digest, Repository, Tag, media_type, referrers_index};
use crate::registry::{ManifestAt, Pushed, Registry};
use crate::transfer::{ImageTree, TransferError, TreeManifest};
use crate::trust::{Merge, fallback_index};

/// A manifest with a subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Referrer<'a> {
    pub subject: &'a Digest,
    /// Names the manifest, with what clients tell referrers apart by.
    pub entry: &'a Descriptor,
    pub needs: Needs<'a>,
}

/// What a manifest needs beside it in its repository.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs<'a> {
    pub manifests: &'a [TreeManifest],
    pub blobs: &'a [Descriptor],
}

impl<'a> Needs<'a> {
    pub fn of(tree: &'a ImageTree) -> Self {
        Self {
            manifests: tree.manifests(),
            blobs: tree.blobs(),
        }
    }
}

impl<W: World> UnitTask<W> {
    /// Sees to it that a referrer stands and is listed: by the registry where it says so, else in the fallback index
    /// (OCI distribution specification, "Pushing Manifests with Subject"). It is sent only where that is needed.
    pub(super) async fn put_listed(
        &self,
        place: &Repository,
        referrer: Referrer<'_>,
        send: BoxFuture<'_, Result<Pushed, TransferError>>,
    ) -> Result<(), Failure> {
        let Referrer { subject, entry, needs } = referrer;
        let mut listed = None;
        if self.stands(place, &entry.digest, needs).await? {
            let found = self
                .world
                .registry()
                .referrers(place, subject)
                .await
                .map_err(|error| Failure::reading(&error))?;
            if found.from_api.contains(&entry.digest) {
                return Ok(());
            }
            // What others have entered by now is theirs to find again.
            if found.fallback.is_some() {
                let tag = Tag::referrers_of(subject);
                let entries: Vec<Descriptor> = found.indexed().cloned().collect();
                self.shared.seen.note(place, &tag, &entries);
            }
            listed = found.descriptors.into_iter().find(|known| known.digest == entry.digest);
        }
        if listed.is_none() {
            let pushed = send.await.map_err(|error| Failure::transfer(&error))?;
            if pushed.subject_acknowledged {
                return Ok(());
            }
        }
        self.list(place, subject, entry).await
    }

    /// Enters a referrer in its subject's fallback index, and puts back what was seen there in this run and is gone.
    pub(super) async fn list(&self, place: &Repository, subject: &Digest, entry: &Descriptor) -> Result<(), Failure> {
        let lost = self.enter(place, subject, std::slice::from_ref(entry)).await?;
        let mut overwritten = Vec::new();
        for entry in lost {
            if self.stands(place, &entry.digest, Needs::default()).await? {
                tracing::warn!(
                    repository = %place, %subject, referrer = %entry.digest,
                    "two programs wrote the list of referrers at once, and this entry was lost: it is put back"
                );
                overwritten.push(entry);
            } else {
                let tag = Tag::referrers_of(subject);
                self.shared.seen.forget(place, &tag, &entry.digest);
            }
        }
        if !overwritten.is_empty() {
            self.enter(place, subject, &overwritten).await?;
        }
        Ok(())
    }

    /// Gives what was listed there earlier in this run, and is not at the end.
    async fn enter(
        &self,
        place: &Repository,
        subject: &Digest,
        entries: &[Descriptor],
    ) -> Result<Vec<Descriptor>, Failure> {
        let tag = Tag::referrers_of(subject);
        let lost = Mutex::new(Vec::new());
        self.merge_under_tag(place, &tag, |standing| {
            let limits = &self.shared.limits;
            let listed = standing.and_then(|standing| referrers_index(standing, None, subject, limits).ok());
            let missing = self.shared.seen.note(place, &tag, &listed.unwrap_or_default());
            *lost.lock().unwrap_or_else(PoisonError::into_inner) = missing;
            let merged = fallback_index::merge(standing, subject, entries, limits)?;
            Ok(match merged {
                Merge::AlreadyThere => Merge::AlreadyThere,
                Merge::Write(index) => Merge::Write(Merged {
                    media_type: media_type::OCI_INDEX.to_owned(),
                    manifest: index.into(),
                    blobs: Vec::new(),
                }),
            })
        })
        .await?;
        Ok(lost.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a manifest and all that it needs are there, by HEAD.
    pub(super) async fn stands(&self, place: &Repository, digest: &Digest, needs: Needs<'_>) -> Result<bool, Failure> {
        let registry = self.world.registry();
        let below = needs.manifests.iter().map(|manifest| &manifest.digest);
        for digest in std::iter::once(digest).chain(below.filter(|below| *below != digest)) {
            let found = registry.head_manifest(place, ManifestAt::Digest(digest)).await;
            if found.map_err(|error| Failure::reading(&error))?.is_none() {
                return Ok(false);
            }
        }
        for blob in needs.blobs {
            let found = registry.has_blob(place, blob).await;
            if !found.map_err(|error| Failure::reading(&error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
