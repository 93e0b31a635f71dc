//! The state, without a disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use crate::execute::{ArtifactKey, Journal, JournalError, SignedArtifact};
use crate::facts::{Memory, Values};
use crate::graph::Graph;
use crate::model::{Admission, Digest, EndpointIndex, NodeId, Repository, RepositoryPath, Tag, TagId};

#[derive(Default)]
pub struct StateInMemory(Mutex<State>);

#[derive(Default)]
struct State {
    admissions: BTreeMap<(String, RepositoryPath, Digest), Arc<Admission>>,
    kept: BTreeMap<ArtifactKey, (Digest, SignedArtifact)>,
    written: BTreeMap<(Repository, Tag), Digest>,
    begun: BTreeSet<(Repository, Digest)>,
    fails: bool,
}

impl StateInMemory {
    /// From now on nothing can be written.
    pub fn fail(&self) {
        self.0.lock().unwrap().fails = true;
    }

    pub fn admissions(&self) -> usize {
        self.0.lock().unwrap().admissions.len()
    }

    /// The copies that were begun.
    pub fn begun(&self) -> BTreeSet<(Repository, Digest)> {
        self.0.lock().unwrap().begun.clone()
    }

    pub fn forget_signed(&self) {
        self.0.lock().unwrap().kept.clear();
    }

    /// What the planner is told of it.
    pub fn memory(&self, graph: &Graph) -> Memory {
        let state = self.0.lock().unwrap();
        let mut memory = Memory {
            new: graph.wanted().collect(),
            ..Memory::default()
        };
        for ((target, repository, digest), admission) in &state.admissions {
            if let Some(unit) = graph.find(target, repository, *digest) {
                memory.admissions.insert(unit, Arc::clone(admission));
            }
        }
        for (key, (digest, _)) in &state.kept {
            if let Some(unit) = graph.find(&key.target, &key.repository, key.digest) {
                let node = NodeId {
                    unit,
                    slot: key.kind.slot(),
                };
                memory.waiting.insert((node, key.by), *digest);
                memory.note_made(node, key.by);
            }
        }
        memory.written = written(&state, graph);
        memory
    }
}

fn written(state: &State, graph: &Graph) -> HashMap<TagId, Values> {
    let mut written: HashMap<TagId, Values> = HashMap::new();
    for tag in (0..graph.tag_count()).map(|id| TagId(id as u32)) {
        let (repository, name) = graph.tag(tag);
        let endpoints = graph.target(graph.repository(repository).0).endpoints.len();
        for endpoint in (0..endpoints).map(|endpoint| EndpointIndex(endpoint as u8)) {
            let place = graph.place(repository, endpoint);
            if let Some(digest) = state.written.get(&(place, name.clone())) {
                written.entry(tag).or_default().set(endpoint, *digest);
            }
        }
    }
    written
}

impl Journal for StateInMemory {
    fn admit(
        &self,
        target: &str,
        repository: &RepositoryPath,
        digest: Digest,
        admission: &Admission,
        _recorded: bool,
    ) -> Result<(), JournalError> {
        let mut state = self.writable()?;
        let key = (target.to_owned(), repository.clone(), digest);
        state.admissions.insert(key, Arc::new(admission.clone()));
        Ok(())
    }

    fn keep(
        &self,
        key: &ArtifactKey,
        _reference: &Repository,
        digest: Digest,
        artifact: &SignedArtifact,
    ) -> Result<(), JournalError> {
        self.writable()?.kept.insert(key.clone(), (digest, artifact.clone()));
        Ok(())
    }

    fn kept(&self, key: &ArtifactKey) -> Result<Option<SignedArtifact>, JournalError> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .kept
            .get(key)
            .map(|(_, artifact)| artifact.clone()))
    }

    fn will_copy(&self, repositories: &[Repository], digest: Digest) -> Result<(), JournalError> {
        let begun = repositories.iter().map(|repository| (repository.clone(), digest));
        self.writable()?.begun.extend(begun);
        Ok(())
    }

    fn will_tag(&self, repository: &Repository, tag: &Tag, digest: Digest) -> Result<(), JournalError> {
        self.writable()?
            .written
            .insert((repository.clone(), tag.clone()), digest);
        Ok(())
    }
}

impl StateInMemory {
    fn writable(&self) -> Result<std::sync::MutexGuard<'_, State>, JournalError> {
        let state = self.0.lock().unwrap();
        if state.fails {
            return Err(JournalError("the disk is full".to_owned()));
        }
        Ok(state)
    }
}
