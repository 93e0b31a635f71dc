//! Any number of registries' content.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Behaviour, Operation, Requests, Write, WriteKind, Writer};
use crate::model::{Digest, Limits, Manifest, Registry, Repository, RepositoryPath, Tag};

/// A handle on the content of any number of registries; clones share it. The methods here and in `damage` are hands that
/// reach into the store past every protocol: for preparing, looking and damaging. Requests go through [`super::Service`].
#[derive(Clone, Default)]
pub struct Store {
    state: Arc<Mutex<State>>,
}

/// A manifest as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    pub media_type: String,
    /// Those that the digest names, unless damage was done.
    pub bytes: Bytes,
    /// What the bytes hash to.
    pub computed: Digest,
    /// What it says, where it can be read.
    pub parsed: Option<Arc<Manifest>>,
}

/// A repository's content at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    pub manifests: BTreeMap<Digest, StoredManifest>,
    /// A tag may dangle: its manifest is gone.
    pub tags: BTreeMap<Tag, Digest>,
    /// The blobs that can be read here; their bytes lie in the registry's pool.
    pub blobs: BTreeSet<Digest>,
}

#[derive(Default)]
pub(super) struct State {
    pub registries: BTreeMap<Registry, RegistryState>,
    pub writes: Vec<Write>,
    pub requests: Requests,
    /// By digest and media type: the same few manifests go to every registry.
    read: HashMap<(Digest, String), Option<Arc<Manifest>>>,
    clock: u64,
    /// What registries dropped because others moved or removed the last of its tags.
    pub dropped: BTreeSet<(Repository, Digest)>,
}

#[derive(Default)]
pub(in crate::sim) struct RegistryState {
    pub behaviour: Behaviour,
    pub repositories: BTreeMap<RepositoryPath, Contents>,
    pub pool: HashMap<Digest, StoredBlob>,
}

/// A blob as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Those that the digest names, unless damage was done.
    pub bytes: Bytes,
    /// What the bytes hash to.
    pub computed: Digest,
}

impl Store {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How a registry behaves from now on; without this, as [`Behaviour::default`].
    pub fn set_behaviour(&self, registry: &Registry, behaviour: Behaviour) {
        self.lock().registry(registry).behaviour = behaviour;
    }

    #[must_use]
    pub fn behaviour(&self, registry: &Registry) -> Behaviour {
        let state = self.lock();
        state
            .registries
            .get(registry)
            .map(|held| held.behaviour.clone())
            .unwrap_or_default()
    }

    /// Puts these bytes there as they are, whatever they are.
    pub fn add_manifest(&self, repository: &Repository, media_type: &str, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        let mut state = self.lock();
        let manifest = state.manifest(digest, media_type, bytes);
        let changed = state.contents(repository).manifests.insert(digest, manifest).is_none();
        state.record(
            Writer::Outside,
            repository,
            WriteKind::Manifest { digest, tag: None },
            changed,
        );
        digest
    }

    pub fn add_blob(&self, repository: &Repository, bytes: Bytes) -> Digest {
        let blob = StoredBlob::new(bytes);
        let digest = blob.computed;
        let mut state = self.lock();
        let changed = state.link_blob(repository, digest, blob);
        state.record(Writer::Outside, repository, WriteKind::Blob(digest), changed);
        digest
    }

    /// Sets or moves a tag, whether or not its manifest is there.
    pub fn set_tag(&self, repository: &Repository, tag: &Tag, digest: Digest) {
        let mut state = self.lock();
        let before = state.contents(repository).tags.insert(tag.clone(), digest);
        let changed = before != Some(digest);
        if let Some(displaced) = before.filter(|before| *before != digest) {
            state.let_go_by_others(repository, &displaced);
        }
        let tag = tag.clone();
        state.record(Writer::Outside, repository, WriteKind::Tag { tag, digest }, changed);
    }

    /// A copy of a repository; `None` where the registry does not hold it.
    #[must_use]
    pub fn contents(&self, repository: &Repository) -> Option<Contents> {
        self.look(repository, |held, _| held.clone())
    }

    /// Looks at a repository and at the blobs of its registry; `None` where the registry does not hold it. The store
    /// must not be asked for anything else meanwhile.
    pub(in crate::sim) fn look<T>(
        &self,
        repository: &Repository,
        see: impl FnOnce(&Contents, &RegistryState) -> T,
    ) -> Option<T> {
        let state = self.lock();
        let registry = state.registries.get(&repository.registry)?;
        Some(see(registry.repositories.get(&repository.path)?, registry))
    }

    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        let state = self.lock();
        let held = state.registries.iter();
        held.flat_map(|(registry, held)| {
            held.repositories
                .keys()
                .map(|path| Repository::new(registry.clone(), path.clone()))
        })
        .collect()
    }

    #[must_use]
    pub fn tag(&self, repository: &Repository, tag: &Tag) -> Option<Digest> {
        self.lock().find(repository)?.tags.get(tag).copied()
    }

    #[must_use]
    pub fn has_manifest(&self, repository: &Repository, digest: &Digest) -> bool {
        self.lock()
            .find(repository)
            .is_some_and(|held| held.manifests.contains_key(digest))
    }

    #[must_use]
    pub fn has_blob(&self, repository: &Repository, digest: &Digest) -> bool {
        self.lock().blob(repository, digest).is_some()
    }

    /// The bytes of a blob that can be read in this repository.
    #[must_use]
    pub fn blob(&self, repository: &Repository, digest: &Digest) -> Option<Bytes> {
        Some(self.stored_blob(repository, digest)?.bytes)
    }

    pub(super) fn stored_blob(&self, repository: &Repository, digest: &Digest) -> Option<StoredBlob> {
        self.lock().blob(repository, digest).cloned()
    }

    /// Everything written so far, in order.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.lock().writes.clone()
    }

    /// What clients wrote, or tried to, since `mark` (see [`Store::now`]).
    #[must_use]
    pub fn client_writes_since(&self, mark: u64) -> Vec<Write> {
        let state = self.lock();
        let first = state.writes.partition_point(|write| write.at < mark);
        state.writes[first..]
            .iter()
            .filter(|write| write.by == Writer::Client)
            .cloned()
            .collect()
    }

    /// How many requests and changes there have been.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.lock().clock
    }

    #[must_use]
    pub fn requests(&self) -> Requests {
        self.lock().requests.clone()
    }

    /// Forgets the journal and the counts, not the clock.
    pub fn forget_history(&self) {
        let mut state = self.lock();
        state.writes.clear();
        state.requests = Requests::default();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No change is left half-done by a panic: the state behind a poisoned lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        formatter
            .debug_struct("Store")
            .field("registries", &state.registries.keys().collect::<Vec<_>>())
            .field("writes", &state.writes.len())
            .field("requests", &state.requests.total())
            .finish()
    }
}

impl StoredBlob {
    pub fn new(bytes: Bytes) -> Self {
        let computed = Digest::of(&bytes);
        Self { bytes, computed }
    }
}

impl RegistryState {
    /// A blob as far as it can be read in a repository of this registry.
    pub fn blob(&self, held: &Contents, digest: &Digest) -> Option<&StoredBlob> {
        self.pool.get(digest).filter(|_| held.blobs.contains(digest))
    }
}

impl StoredManifest {
    /// The digest of the manifest it refers to.
    #[must_use]
    pub fn subject(&self) -> Option<Digest> {
        Some(self.parsed.as_ref()?.subject.as_ref()?.digest)
    }

    /// The manifests it lists.
    pub fn children(&self) -> impl Iterator<Item = Digest> {
        self.parsed
            .iter()
            .flat_map(|manifest| manifest.manifests.iter().map(|child| child.digest))
    }

    /// The blobs it needs, foreign layers left out.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.parsed
            .iter()
            .flat_map(|manifest| manifest.blobs().map(|blob| blob.digest))
    }
}

impl State {
    pub fn registry(&mut self, registry: &Registry) -> &mut RegistryState {
        self.registries.entry(registry.clone()).or_default()
    }

    /// The repository, made where it was not there.
    pub fn contents(&mut self, repository: &Repository) -> &mut Contents {
        let registry = self.registry(&repository.registry);
        registry.repositories.entry(repository.path.clone()).or_default()
    }

    pub fn find(&self, repository: &Repository) -> Option<&Contents> {
        self.registries
            .get(&repository.registry)?
            .repositories
            .get(&repository.path)
    }

    pub fn find_mut(&mut self, repository: &Repository) -> Option<&mut Contents> {
        self.registries
            .get_mut(&repository.registry)?
            .repositories
            .get_mut(&repository.path)
    }

    /// A manifest to keep. `digest` is that of the bytes.
    pub fn manifest(&mut self, digest: Digest, media_type: &str, bytes: Bytes) -> StoredManifest {
        let read = self.read.entry((digest, media_type.to_owned())).or_insert_with(|| {
            // A registry takes what landfall would refuse: its own limits decide, not ours.
            let limits = Limits {
                manifest: usize::MAX,
                descriptors: usize::MAX,
                ..Limits::default()
            };
            Manifest::parse(&bytes, Some(media_type), &limits).ok().map(Arc::new)
        });
        StoredManifest {
            media_type: media_type.to_owned(),
            parsed: read.clone(),
            bytes,
            computed: digest,
        }
    }

    pub fn blob(&self, repository: &Repository, digest: &Digest) -> Option<&StoredBlob> {
        let registry = self.registries.get(&repository.registry)?;
        registry.blob(registry.repositories.get(&repository.path)?, digest)
    }

    /// Whether that changed anything. Sound bytes replace damaged ones.
    pub fn link_blob(&mut self, repository: &Repository, digest: Digest, blob: StoredBlob) -> bool {
        let registry = self.registry(&repository.registry);
        let computed = blob.computed;
        let pooled = registry.pool.insert(digest, blob);
        let linked = registry
            .repositories
            .entry(repository.path.clone())
            .or_default()
            .blobs
            .insert(digest);
        linked || pooled.is_none_or(|before| before.computed != computed)
    }

    /// Takes a blob from a repository, and from the pool where no other repository holds it.
    pub fn unlink_blob(&mut self, repository: &Repository, digest: &Digest) -> bool {
        let unlinked = self.find_mut(repository).is_some_and(|held| held.blobs.remove(digest));
        if let Some(registry) = self.registries.get_mut(&repository.registry)
            && !registry.repositories.values().any(|held| held.blobs.contains(digest))
        {
            registry.pool.remove(digest);
        }
        unlinked
    }

    /// False where it was not there.
    pub fn remove_tag(&mut self, repository: &Repository, tag: &Tag) -> bool {
        let removed = self.take_tag(repository, tag);
        if let Some(digest) = removed {
            self.let_go(repository, &digest);
        }
        removed.is_some()
    }

    /// Removes a tag, whatever becomes of what it stood on.
    pub fn take_tag(&mut self, repository: &Repository, tag: &Tag) -> Option<Digest> {
        self.find_mut(repository)?.tags.remove(tag)
    }

    /// A tag does not stand on this manifest any more.
    pub fn let_go(&mut self, repository: &Repository, digest: &Digest) {
        let Some(registry) = self.registries.get_mut(&repository.registry) else {
            return;
        };
        if !registry.behaviour.drops_untagged {
            return;
        }
        if let Some(held) = registry.repositories.get_mut(&repository.path)
            && !held.tags.values().any(|tagged| tagged == digest)
        {
            held.manifests.remove(digest);
        }
    }

    /// Removes a manifest, and its tags where the registry does so. False where it was not there.
    pub fn remove_manifest(&mut self, repository: &Repository, digest: &Digest) -> bool {
        let Some(registry) = self.registries.get_mut(&repository.registry) else {
            return false;
        };
        let with_tags = registry.behaviour.deletes_tags_with_manifest;
        let Some(held) = registry.repositories.get_mut(&repository.path) else {
            return false;
        };
        let removed = held.manifests.remove(digest).is_some();
        if removed && with_tags {
            held.tags.retain(|_, tagged| tagged != digest);
        }
        removed
    }

    pub fn count(&mut self, registry: &Registry, operation: Operation) {
        self.clock += 1;
        self.requests.count(registry, operation);
    }

    pub fn record(&mut self, by: Writer, repository: &Repository, kind: WriteKind, changed: bool) {
        let at = self.clock;
        self.clock += 1;
        self.writes.push(Write {
            at,
            by,
            repository: repository.clone(),
            kind,
            changed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn a_blob_is_readable_only_in_the_repositories_that_hold_it() {
        let store = Store::new();
        let (a, b) = (repository("one.test/a"), repository("one.test/b"));
        let digest = store.add_blob(&a, Bytes::from_static(b"layer"));
        assert!(store.has_blob(&a, &digest));
        assert!(!store.has_blob(&b, &digest));
        store.add_blob(&b, Bytes::from_static(b"layer"));
        assert!(store.lose_blob(&a, &digest));
        assert_eq!(store.blob(&b, &digest), Some(Bytes::from_static(b"layer")));
    }

    #[test]
    fn the_journal_tells_preparation_from_requests_and_keeps_their_order() {
        let store = Store::new();
        let here = repository("one.test/a");
        store.add_blob(&here, Bytes::from_static(b"one"));
        let mark = store.now();
        let service = super::super::Service::new(store.clone());
        let two = Bytes::from_static(b"two");
        service.put_blob(&here, &Digest::of(&two), two.clone()).unwrap();
        service.put_blob(&here, &Digest::of(&two), two.clone()).unwrap();
        let writes = store.client_writes_since(mark);
        let changed: Vec<bool> = writes.iter().map(|write| write.changed).collect();
        assert_eq!(changed, [true, false]);
        assert!(writes[0].at < writes[1].at);
        assert_eq!(store.requests().at(&here.registry, Operation::WriteBlob), 2);
        assert_eq!(store.writes().len(), 3);
    }
}
