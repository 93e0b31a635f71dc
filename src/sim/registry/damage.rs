//! What happens to registries behind everybody's back.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::store::{State, StoredBlob};
use super::{Store, WriteKind, Writer};
use crate::model::{Digest, Repository, Tag};

impl Store {
    /// Whether something is gone because somebody else moved the last of its tags.
    #[must_use]
    pub fn has_lost_to_others(&self, repository: &Repository) -> bool {
        let state = self.lock();
        let stands = |digest: &Digest| {
            let held = state.find(repository);
            held.is_some_and(|held| held.manifests.contains_key(digest))
        };
        let mut dropped = state.dropped.iter();
        dropped.any(|(place, digest)| place == repository && !stands(digest))
    }

    /// False where the tag was not there, as with everything below.
    pub fn delete_tag(&self, repository: &Repository, tag: &Tag) -> bool {
        self.damage(repository, WriteKind::DeleteTag(tag.clone()), |state| {
            let stood = state.take_tag(repository, tag);
            if let Some(digest) = &stood {
                state.let_go_by_others(repository, digest);
            }
            stood.is_some()
        })
    }

    /// Its tags go with it or dangle, as the registry's behaviour says.
    pub fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> bool {
        self.damage(repository, WriteKind::DeleteManifest(*digest), |state| {
            state.remove_manifest(repository, digest)
        })
    }

    /// Only this repository loses it; others of the registry that hold it keep it.
    pub fn lose_blob(&self, repository: &Repository, digest: &Digest) -> bool {
        self.damage(repository, WriteKind::DeleteBlob(*digest), |state| {
            state.unlink_blob(repository, digest)
        })
    }

    pub fn drop_repository(&self, repository: &Repository) -> bool {
        self.damage(repository, WriteKind::DropRepository, |state| {
            let registry = state.registry(&repository.registry);
            let dropped = registry.repositories.remove(&repository.path);
            let held = &registry.repositories;
            registry
                .pool
                .retain(|digest, _| held.values().any(|held| held.blobs.contains(digest)));
            dropped.is_some()
        })
    }

    /// Changes a bit of a manifest's bytes; its digest stays what it was called.
    pub fn corrupt_manifest(&self, repository: &Repository, digest: &Digest) -> bool {
        self.damage(repository, WriteKind::Corrupt(*digest), |state| {
            let manifest = state
                .find_mut(repository)
                .and_then(|held| held.manifests.get_mut(digest));
            manifest.is_some_and(|manifest| {
                manifest.bytes = corrupted(&manifest.bytes);
                manifest.computed = Digest::of(&manifest.bytes);
                true
            })
        })
    }

    /// Changes a bit of a blob's bytes, in every repository of the registry that holds it.
    pub fn corrupt_blob(&self, repository: &Repository, digest: &Digest) -> bool {
        self.damage(repository, WriteKind::Corrupt(*digest), |state| {
            let pooled = state.registry(&repository.registry).pool.get_mut(digest);
            pooled.is_some_and(|blob| {
                *blob = StoredBlob::new(corrupted(&blob.bytes));
                true
            })
        })
    }

    /// Garbage collection: deletes every manifest that no tag reaches, by itself, as a child, or (unless the registry
    /// collects these) as a referrer of something kept. Gives what was deleted.
    pub fn collect_untagged(&self, repository: &Repository) -> Vec<Digest> {
        let mut state = self.lock();
        let keeps_referrers = !state.registry(&repository.registry).behaviour.collects_referrers;
        let Some(held) = state.find(repository) else {
            return Vec::new();
        };
        let mut kept = BTreeSet::new();
        let mut pending: Vec<Digest> = held.tags.values().copied().collect();
        while let Some(digest) = pending.pop() {
            if let Some(manifest) = held.manifests.get(&digest)
                && kept.insert(digest)
            {
                pending.extend(manifest.children());
                if keeps_referrers {
                    let refers = held
                        .manifests
                        .iter()
                        .filter(|(_, other)| other.subject() == Some(digest));
                    pending.extend(refers.map(|(referrer, _)| *referrer));
                }
            }
        }
        let collected: Vec<Digest> = held
            .manifests
            .keys()
            .filter(|digest| !kept.contains(*digest))
            .copied()
            .collect();
        for digest in &collected {
            state.remove_manifest(repository, digest);
            state.record(Writer::Outside, repository, WriteKind::DeleteManifest(*digest), true);
        }
        collected
    }

    fn damage(&self, repository: &Repository, kind: WriteKind, act: impl FnOnce(&mut State) -> bool) -> bool {
        let mut state = self.lock();
        let changed = act(&mut state);
        if changed {
            state.record(Writer::Outside, repository, kind, true);
        }
        changed
    }
}

/// The same length, another content.
pub(super) fn corrupted(bytes: &Bytes) -> Bytes {
    let mut changed = bytes.to_vec();
    match changed.last_mut() {
        Some(byte) => *byte ^= 1,
        None => changed.push(0),
    }
    changed.into()
}

impl State {
    /// [`State::let_go`], by somebody whom no plan of ours knows of.
    pub fn let_go_by_others(&mut self, repository: &Repository, digest: &Digest) {
        let stood = self
            .find(repository)
            .is_some_and(|held| held.manifests.contains_key(digest));
        self.let_go(repository, digest);
        if stood
            && self
                .find(repository)
                .is_none_or(|held| !held.manifests.contains_key(digest))
        {
            self.dropped.insert((repository.clone(), *digest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Seed;
    use crate::sim::images::ImageRecipe;
    use crate::sim::registry::Behaviour;

    fn here() -> Repository {
        "one.test/team/app".parse().unwrap()
    }

    #[test]
    fn collecting_keeps_what_a_tag_reaches_and_takes_the_rest() {
        let store = Store::new();
        let (kept, lost) = (ImageRecipe::multi(2).make(Seed(1)), ImageRecipe::multi(2).make(Seed(2)));
        kept.push(&store, &here());
        lost.push(&store, &here());
        let sbom = kept.sbom_referrer();
        sbom.push(&store, &here());
        store.set_tag(&here(), &"v1".parse().unwrap(), kept.root());
        let collected: BTreeSet<Digest> = store.collect_untagged(&here()).into_iter().collect();
        assert_eq!(
            collected,
            lost.manifests().iter().map(|manifest| manifest.digest).collect()
        );
        assert!(store.has_manifest(&here(), &sbom.root()));

        store.set_behaviour(
            &here().registry,
            Behaviour {
                collects_referrers: true,
                ..Behaviour::default()
            },
        );
        assert_eq!(store.collect_untagged(&here()), [sbom.root()]);
    }

    #[test]
    fn a_deleted_manifests_tags_go_or_dangle_as_the_registry_does() {
        let tag: Tag = "v1".parse().unwrap();
        for deletes_tags_with_manifest in [true, false] {
            let store = Store::new();
            store.set_behaviour(
                &here().registry,
                Behaviour {
                    deletes_tags_with_manifest,
                    ..Behaviour::default()
                },
            );
            let image = ImageRecipe::single().make(Seed(1));
            image.push(&store, &here());
            store.set_tag(&here(), &tag, image.root());
            assert!(store.delete_manifest(&here(), &image.root()));
            assert!(!store.delete_manifest(&here(), &image.root()));
            assert_eq!(store.tag(&here(), &tag).is_none(), deletes_tags_with_manifest);
        }
    }

    #[test]
    fn dropping_a_repository_leaves_its_neighbours() {
        let store = Store::new();
        let neighbour: Repository = "one.test/team/other".parse().unwrap();
        let image = ImageRecipe::single().make(Seed(1));
        image.push(&store, &here());
        image.push(&store, &neighbour);
        assert!(store.drop_repository(&here()));
        assert_eq!(store.contents(&here()), None);
        assert!(
            image
                .blobs()
                .iter()
                .all(|blob| store.has_blob(&neighbour, &blob.descriptor.digest))
        );
    }
}
