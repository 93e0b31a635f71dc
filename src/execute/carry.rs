//! What travels with an image: its referrers, theirs, and what stands under cosign's tags.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::OnceCell;

use super::attach_referrer::{Needs, Referrer};
use super::blob::read_small;
use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Carried, CarriedKind, Descriptor, Digest, Obstacle, Repository, Tag};
use crate::registry::Pushed;
use crate::transfer::{Artifact, ImageTree, Lost, TransferError, TreeManifest};
use crate::trust::{Merge, referrer, signature_manifest};

/// What one step carries. Read once, and kept in memory for all endpoints where it is small: some registries would be
/// asked for the same few bytes once for every mirror otherwise.
#[derive(Debug)]
pub(super) struct Carriage<'a> {
    items: Vec<(&'a Carried, OnceCell<Result<Load, Failure>>)>,
    sources: Vec<Repository>,
}

#[derive(Debug)]
struct Load {
    tree: ImageTree,
    /// The whole of it, where it is one manifest with small blobs.
    artifact: Option<Artifact>,
}

impl<'a> Carriage<'a> {
    pub fn new(carried: &'a [Carried], sources: Vec<Repository>) -> Self {
        Self {
            items: subjects_first(carried)
                .into_iter()
                .map(|item| (item, OnceCell::new()))
                .collect(),
            sources,
        }
    }
}

/// How lists of referrers name a manifest.
pub(super) fn index_entry(root: &TreeManifest) -> Descriptor {
    referrer::index_entry(&root.manifest, root.digest, root.bytes.len() as u64)
}

fn subject(item: &Carried) -> &Digest {
    match &item.kind {
        CarriedKind::Referrer { subject } | CarriedKind::CosignTag { subject, .. } => subject,
    }
}

/// What refers to something that is carried itself comes after it.
fn subjects_first(carried: &[Carried]) -> Vec<&Carried> {
    let mut pending: Vec<&Carried> = carried.iter().collect();
    let mut ordered = Vec::with_capacity(carried.len());
    while !pending.is_empty() {
        let waits = |item: &&Carried| pending.iter().any(|other| other.digest == *subject(item));
        let (later, now): (Vec<_>, Vec<_>) = pending.iter().copied().partition(waits);
        if now.is_empty() {
            // No content contains its own digest: such a list was made up. What it names is read and judged alone.
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        pending = later;
    }
    ordered
}

impl<W: World> UnitTask<W> {
    pub(super) async fn carry(&self, carriage: &Carriage<'_>, place: &Repository) -> Result<(), Failure> {
        for (item, load) in &carriage.items {
            let read = self.load(item, &carriage.sources).boxed();
            let load = load.get_or_init(|| read).await.as_ref().map_err(Clone::clone)?;
            self.carry_item(item, load, &carriage.sources, place).await?;
        }
        Ok(())
    }

    async fn carry_item(
        &self,
        item: &Carried,
        load: &Load,
        sources: &[Repository],
        place: &Repository,
    ) -> Result<(), Failure> {
        let root = load.tree.root();
        match &item.kind {
            CarriedKind::Referrer { subject } => {
                let entry = index_entry(root);
                let referrer = Referrer {
                    subject,
                    entry: &entry,
                    needs: Needs::of(&load.tree),
                };
                let send = self.send(load, sources, place).boxed();
                self.put_listed(place, referrer, send).await
            }
            CarriedKind::CosignTag { subject, suffix } => {
                // By its digest too, so that it can be told later whether all of it still stands under the tag.
                if !self.stands(place, &root.digest, Needs::of(&load.tree)).await? {
                    let sent = self.send(load, sources, place).await;
                    sent.map_err(|error| Failure::transfer(&error))?;
                }
                let whole = || Merged {
                    media_type: root.manifest.media_type.clone(),
                    manifest: root.bytes.clone(),
                    blobs: Vec::new(),
                };
                let joins = matches!(suffix.as_str(), "sig" | "att");
                self.merge_under_tag(place, &Tag::cosign(subject, suffix), |standing| match standing {
                    None => Ok(Merge::Write(whole())),
                    Some(standing) if joins => {
                        let merged = signature_manifest::merge_manifest(standing, &root.bytes, &self.shared.limits)?;
                        Ok(match merged {
                            Merge::AlreadyThere => Merge::AlreadyThere,
                            Merge::Write(merged) => Merge::Write(merged.into()),
                        })
                    }
                    // One document, not a collection: what somebody put there stays.
                    Some(_) => Ok(Merge::AlreadyThere),
                })
                .await
            }
        }
    }

    async fn send(&self, load: &Load, sources: &[Repository], place: &Repository) -> Result<Pushed, TransferError> {
        let (registry, transfer) = (self.world.registry(), &self.shared.transfer);
        if let Some(artifact) = &load.artifact {
            return transfer.put_referrer(registry, place, artifact).await;
        }
        let taken = |bytes| self.taken(bytes);
        let to = [place.clone()];
        let copies = transfer.copy_tree(registry, &load.tree, sources, &to, &taken);
        let mut copies = std::pin::pin!(copies);
        copies.next().await.map_or_else(
            || {
                Err(TransferError::NotKept {
                    repository: place.clone(),
                    lost: Lost::Manifest(load.tree.root().digest),
                })
            },
            |copied| copied.result,
        )
    }

    async fn load(&self, item: &Carried, sources: &[Repository]) -> Result<Load, Failure> {
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        let read = self.shared.transfer.read_from(registry, &item.digest, sources, limits);
        let tree = read.await.map_err(|error| Failure::transfer(&error))?;
        let root = tree.root();
        if let CarriedKind::Referrer { subject } = &item.kind
            && root.manifest.subject.as_ref().map(|found| &found.digest) != Some(subject)
        {
            return Err(Failure::content(format_args!(
                "{} does not refer to {subject}",
                item.digest
            )));
        }
        let small = tree.blobs().iter().all(|blob| blob.size <= limits.small_blob as u64);
        let artifact = if small && tree.manifests().len() == 1 {
            let mut blobs = Vec::with_capacity(tree.blobs().len());
            for blob in tree.blobs() {
                blobs.push((blob.clone(), self.small_blob(blob, sources).await?));
            }
            Some(Artifact {
                media_type: root.manifest.media_type.clone(),
                manifest: root.bytes.clone(),
                blobs,
            })
        } else {
            None
        };
        Ok(Load { tree, artifact })
    }

    async fn small_blob(&self, blob: &Descriptor, sources: &[Repository]) -> Result<Bytes, Failure> {
        let mut obstacles: Vec<Obstacle> = Vec::new();
        for source in sources {
            match read_small(self.world.registry(), source, blob, &self.shared.limits).await {
                Ok(bytes) => return Ok(bytes),
                Err(obstacle) => obstacles.push(obstacle),
            }
        }
        let told: Vec<&str> = obstacles.iter().map(|obstacle| &*obstacle.text).collect();
        Err(Failure::no_source(told.join("; "), obstacles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refers(name: &str, subject: &str) -> Carried {
        Carried {
            digest: Digest::of(name.as_bytes()),
            kind: CarriedKind::Referrer {
                subject: Digest::of(subject.as_bytes()),
            },
        }
    }

    #[test]
    fn subjects_come_before_what_refers_to_them() {
        let carried = [
            refers("c", "b"),
            refers("b", "a"),
            refers("a", "image"),
            refers("d", "image"),
        ];
        let ordered: Vec<_> = subjects_first(&carried).into_iter().cloned().collect();
        let [c, b, a, d] = carried;
        assert_eq!(ordered, [a, d, b, c]);
    }

    #[test]
    fn a_list_that_goes_in_circles_ends() {
        let carried = [refers("a", "b"), refers("b", "a"), refers("c", "image")];
        assert_eq!(subjects_first(&carried).len(), 3);
    }
}
