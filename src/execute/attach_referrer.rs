//! Manifests that refer to another: put by digest, and listed.

use futures_util::future::BoxFuture;

use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Digest, Repository, Tag, media_type};
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

    /// Enters a referrer in its subject's fallback index.
    pub(super) async fn list(&self, place: &Repository, subject: &Digest, entry: &Descriptor) -> Result<(), Failure> {
        self.merge_under_tag(place, &Tag::referrers_of(subject), |standing| {
            let merged = fallback_index::merge(standing, subject, std::slice::from_ref(entry), &self.shared.limits)?;
            Ok(match merged {
                Merge::AlreadyThere => Merge::AlreadyThere,
                Merge::Write(index) => Merge::Write(Merged {
                    media_type: media_type::OCI_INDEX.to_owned(),
                    manifest: index.into(),
                    blobs: Vec::new(),
                }),
            })
        })
        .await
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
