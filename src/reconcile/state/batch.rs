//! Changes that happen together or not at all.

use std::cell::OnceCell;

use jiff::Timestamp;
use redb::{Database, WriteTransaction};

use super::table::{
    ACCEPTED, ADMISSIONS, ADOPTED, ATTEMPTS, JOURNAL, LEDGER, META, PAUSE, RECORDED, RowError, SIGNED, SILENT,
    UNFINISHED, WRITTEN,
};
use super::{Adoption, Attempt, ClaimKey, JournalEntry, JournalKey, NodeKey, StateError};
use crate::model::{Admission, CommitId, Digest, Obstacle, Pause, Repository, SignerIdentity, Tag};

pub(super) const FIRST_ACCEPTED: &str = "first-accepted";
/// The row of the pause.
pub(super) const WRITES: &str = "writes";
pub(super) const LEDGER_COMMIT: &str = "ledger-commit";

/// One transaction, begun with the first change and committed where the work on it succeeds: see
/// [`super::State::write`].
pub struct Batch<'a> {
    database: &'a Database,
    transaction: OnceCell<WriteTransaction>,
    file: &'a str,
}

impl<'a> Batch<'a> {
    pub(super) fn new(database: &'a Database, file: &'a str) -> Self {
        Self {
            database,
            transaction: OnceCell::new(),
            file,
        }
    }

    /// Makes all changes durable.
    pub(super) fn commit(self) -> Result<(), StateError> {
        match self.transaction.into_inner() {
            None => Ok(()),
            Some(transaction) => transaction
                .commit()
                .map_err(|error| super::store::state_error(self.file, "write", RowError::Storage(error.into()))),
        }
    }

    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, RowError>,
    ) -> Result<T, StateError> {
        let begun = match self.transaction.get() {
            Some(transaction) => Ok(transaction),
            None => self
                .database
                .begin_write()
                .map(|transaction| self.transaction.get_or_init(|| transaction))
                .map_err(|error| RowError::Storage(error.into())),
        };
        begun
            .and_then(work)
            .map_err(|error| super::store::state_error(self.file, "write", error))
    }

    /// Makes `commit` the one that `branch` was last accepted at.
    pub fn set_accepted(&self, branch: &str, commit: CommitId) -> Result<(), StateError> {
        self.change(|transaction| ACCEPTED.put(transaction, &branch.to_owned(), &commit))
    }

    /// What is first declared after `commit` was never signed without this state's knowing.
    pub fn set_first_accepted(&self, commit: CommitId) -> Result<(), StateError> {
        self.change(|transaction| META.put(transaction, &FIRST_ACCEPTED.to_owned(), &commit.to_string()))
    }

    /// A registry knew of the claim before this state did.
    pub fn set_recorded(&self, claim: &ClaimKey, at: Timestamp) -> Result<(), StateError> {
        self.change(|transaction| RECORDED.put(transaction, claim, &at))
    }

    /// A row of schema 1 turned out to be `by`'s: its mark, and its bytes wherever they are kept.
    pub(in crate::reconcile) fn assign(&self, key: &JournalKey, by: SignerIdentity) -> Result<(), StateError> {
        let assigned = JournalKey {
            by: Some(by),
            ..key.clone()
        };
        self.change(|transaction| {
            // What was made since under the same key is younger.
            if let Some(entry) = JOURNAL.get_mut(transaction, key)?
                && JOURNAL.get_mut(transaction, &assigned)?.is_none()
            {
                JOURNAL.put(transaction, &assigned, &entry)?;
            }
            if let Some(artifact) = SIGNED.get_mut(transaction, key)?
                && SIGNED.get_mut(transaction, &assigned)?.is_none()
            {
                SIGNED.put(transaction, &assigned, &artifact)?;
            }
            JOURNAL.remove(transaction, key)?;
            SIGNED.remove(transaction, key)
        })
    }

    /// Since when an endpoint does not answer; `None` where it does.
    pub fn set_silent(&self, endpoint: &NodeKey, since: Option<Timestamp>) -> Result<(), StateError> {
        self.change(|transaction| match since {
            Some(since) => SILENT.put(transaction, endpoint, &since),
            None => SILENT.remove(transaction, endpoint),
        })
    }

    pub fn admit(&self, claim: &ClaimKey, admission: &Admission) -> Result<(), StateError> {
        self.change(|transaction| ADMISSIONS.put(transaction, claim, admission))
    }

    /// Before a tag is written at an endpoint: from then on what it stands on is landfall's.
    pub fn set_written(&self, repository: &Repository, tag: &Tag, digest: Digest) -> Result<(), StateError> {
        self.change(|transaction| WRITTEN.put(transaction, &(repository.clone(), tag.clone()), &digest))
    }

    /// Before an image is written to: from then on what stands there of it may lack blobs.
    pub fn begin_copy(&self, repository: &Repository, digest: Digest) -> Result<(), StateError> {
        self.change(|transaction| UNFINISHED.put(transaction, &(repository.clone(), digest), &()))
    }

    /// The image stands there with every blob.
    pub fn end_copy(&self, repository: &Repository, digest: Digest) -> Result<(), StateError> {
        self.change(|transaction| UNFINISHED.remove(transaction, &(repository.clone(), digest)))
    }

    pub fn adopt(&self, repository: &Repository, tag: &Tag, adoption: &Adoption) -> Result<(), StateError> {
        self.change(|transaction| ADOPTED.put(transaction, &(repository.clone(), tag.clone()), adoption))
    }

    /// Before signed bytes are attached anywhere.
    pub fn journal(&self, key: &JournalKey, entry: &JournalEntry) -> Result<(), StateError> {
        self.change(|transaction| JOURNAL.put(transaction, key, entry))
    }

    /// Signed bytes that stand wherever they are wanted leave the journal, not the state. A registry may say of what it
    /// holds that it is missing, and what is put back then must be the same bytes: nothing is signed twice into one.
    pub fn set_aside(&self, key: &JournalKey) -> Result<(), StateError> {
        self.change(|transaction| {
            let Some(entry) = JOURNAL.get_mut(transaction, key)? else {
                return Ok(());
            };
            let Some(artifact) = entry.artifact else { return Ok(()) };
            SIGNED.put(transaction, key, &artifact)?;
            let entry = JournalEntry {
                digest: entry.digest,
                reference: entry.reference,
                artifact: None,
            };
            JOURNAL.put(transaction, key, &entry)
        })
    }

    pub fn record_failure(&self, node: &NodeKey, obstacle: &Obstacle, at: Timestamp) -> Result<(), StateError> {
        self.change_attempt(node, at, |attempt| attempt.fail(obstacle, at))
    }

    /// Forgets failures, not repairs.
    pub fn record_success(&self, node: &NodeKey, at: Timestamp) -> Result<(), StateError> {
        self.change(|transaction| match ATTEMPTS.get_mut(transaction, node)? {
            None => Ok(()),
            Some(attempt) if attempt.repairs.is_empty() => ATTEMPTS.remove(transaction, node),
            Some(mut attempt) => {
                attempt.succeed(at);
                ATTEMPTS.put(transaction, node, &attempt)
            }
        })
    }

    /// Something that had stood there was put back.
    pub fn record_repair(&self, node: &NodeKey, at: Timestamp) -> Result<(), StateError> {
        self.change_attempt(node, at, |attempt| attempt.repair(at))
    }

    fn change_attempt(
        &self,
        node: &NodeKey,
        at: Timestamp,
        change: impl FnOnce(&mut Attempt),
    ) -> Result<(), StateError> {
        self.change(|transaction| {
            let known = ATTEMPTS.get_mut(transaction, node)?;
            let mut attempt = known.unwrap_or_else(|| Attempt::new(at));
            change(&mut attempt);
            ATTEMPTS.put(transaction, node, &attempt)
        })
    }

    /// Keeps rows of the ledger, each whole, and the commit up to which it is kept.
    pub fn keep_ledger<'r>(
        &self,
        commit: CommitId,
        rows: impl IntoIterator<Item = (&'r Repository, &'r Tag, serde_json::Value)>,
    ) -> Result<(), StateError> {
        self.change(|transaction| {
            META.put(transaction, &LEDGER_COMMIT.to_owned(), &commit.to_string())?;
            for (reference, tag, row) in rows {
                LEDGER.put(transaction, &(reference.clone(), tag.clone()), &row)?;
            }
            Ok(())
        })
    }

    /// Nothing is written from now on, or again.
    pub fn set_pause(&self, pause: Option<&Pause>) -> Result<(), StateError> {
        self.change(|transaction| match pause {
            Some(pause) => PAUSE.put(transaction, &WRITES.to_owned(), pause),
            None => PAUSE.remove(transaction, &WRITES.to_owned()),
        })
    }

    /// For a ledger that begins anew, at another floor.
    pub fn forget_ledger(&self) -> Result<(), StateError> {
        self.change(|transaction| {
            META.remove(transaction, &LEDGER_COMMIT.to_owned())?;
            LEDGER.clear(transaction)
        })
    }
}
