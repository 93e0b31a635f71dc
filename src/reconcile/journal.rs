//! State as execution writes it.

use std::sync::Arc;

use super::recollection::journal_key;
use super::state::{ClaimKey, JournalEntry, State};
use crate::execute::{ArtifactKey, Journal, JournalError, SignedArtifact};
use crate::model::{Admission, Digest, Repository, RepositoryPath, Tag};

/// A handle on the state; clones share it.
#[derive(Clone)]
pub struct StateJournal(Arc<State>);

impl StateJournal {
    #[must_use]
    pub fn new(state: Arc<State>) -> Self {
        Self(state)
    }
}

fn failed(error: impl std::fmt::Display) -> JournalError {
    JournalError(error.to_string())
}

impl Journal for StateJournal {
    fn admit(
        &self,
        target: &str,
        repository: &RepositoryPath,
        digest: Digest,
        admission: &Admission,
        recorded: bool,
    ) -> Result<(), JournalError> {
        let key = ClaimKey {
            target: target.to_owned(),
            repository: repository.clone(),
            digest,
        };
        self.0
            .write(|batch| {
                if recorded {
                    batch.set_recorded(&key, admission.at)?;
                }
                batch.admit(&key, admission)
            })
            .map_err(failed)
    }

    fn keep(
        &self,
        key: &ArtifactKey,
        reference: &Repository,
        digest: Digest,
        artifact: &SignedArtifact,
    ) -> Result<(), JournalError> {
        let entry = JournalEntry {
            digest,
            reference: Some(reference.clone()),
            artifact: Some(artifact.clone()),
        };
        self.0
            .write(|batch| batch.journal(&journal_key(key), &entry))
            .map_err(failed)
    }

    fn kept(&self, key: &ArtifactKey) -> Result<Option<SignedArtifact>, JournalError> {
        self.0.signed(&journal_key(key)).map_err(failed)
    }

    fn will_copy(&self, repositories: &[Repository], digest: Digest) -> Result<(), JournalError> {
        self.0
            .write(|batch| {
                repositories
                    .iter()
                    .try_for_each(|repository| batch.begin_copy(repository, digest))
            })
            .map_err(failed)
    }

    fn will_tag(&self, repository: &Repository, tag: &Tag, digest: Digest) -> Result<(), JournalError> {
        self.0
            .write(|batch| batch.set_written(repository, tag, digest))
            .map_err(failed)
    }
}
