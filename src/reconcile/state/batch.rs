//! Changes that happen together or not at all.

use jiff::Timestamp;
use redb::WriteTransaction;

use super::table::{ACCEPTED, ADMISSIONS, ADOPTED, ATTEMPTS, JOURNAL, LEDGER, META, RowError, SILENT, WRITTEN};
use super::{Adoption, Attempt, ClaimKey, JournalEntry, JournalKey, NodeKey, StateError};
use crate::model::{Admission, CommitId, Digest, Repository, Tag};

pub(super) const INTACT_SINCE: &str = "intact-since";
pub(super) const LEDGER_COMMIT: &str = "ledger-commit";

/// One transaction, committed where the work on it succeeds: see [`super::State::write`].
pub struct Batch<'a> {
    pub(super) transaction: &'a WriteTransaction,
    pub(super) file: &'a str,
}

impl Batch<'_> {
    fn done<T>(&self, result: Result<T, RowError>) -> Result<T, StateError> {
        result.map_err(|error| super::store::state_error(self.file, "write", error))
    }

    /// Makes `commit` the one that `branch` was last accepted at.
    pub fn set_accepted(&self, branch: &str, commit: CommitId) -> Result<(), StateError> {
        self.done(ACCEPTED.put(self.transaction, &branch.to_owned(), &commit))
    }

    /// From `commit` on, what this state does not know was never made: every endpoint was looked at once.
    pub fn set_intact(&self, commit: CommitId) -> Result<(), StateError> {
        self.done(META.put(self.transaction, &INTACT_SINCE.to_owned(), &commit.to_string()))
    }

    /// Since when an endpoint does not answer; `None` where it does.
    pub fn set_silent(&self, endpoint: &NodeKey, since: Option<Timestamp>) -> Result<(), StateError> {
        self.done(match since {
            Some(since) => SILENT.put(self.transaction, endpoint, &since),
            None => SILENT.remove(self.transaction, endpoint),
        })
    }

    pub fn admit(&self, claim: &ClaimKey, admission: &Admission) -> Result<(), StateError> {
        self.done(ADMISSIONS.put(self.transaction, claim, admission))
    }

    /// Before a tag is written at an endpoint: from then on what it stands on is landfall's.
    pub fn set_written(&self, repository: &Repository, tag: &Tag, digest: Digest) -> Result<(), StateError> {
        self.done(WRITTEN.put(self.transaction, &(repository.clone(), tag.clone()), &digest))
    }

    pub fn adopt(&self, repository: &Repository, tag: &Tag, adoption: &Adoption) -> Result<(), StateError> {
        self.done(ADOPTED.put(self.transaction, &(repository.clone(), tag.clone()), adoption))
    }

    /// Before signed bytes are attached anywhere.
    pub fn journal(&self, key: &JournalKey, entry: &JournalEntry) -> Result<(), StateError> {
        self.done(JOURNAL.put(self.transaction, key, entry))
    }

    pub fn record_failure(&self, node: &NodeKey, error: &str, at: Timestamp) -> Result<(), StateError> {
        self.change_attempt(node, at, |attempt| attempt.fail(error, at))
    }

    /// Forgets failures, not repairs.
    pub fn record_success(&self, node: &NodeKey, at: Timestamp) -> Result<(), StateError> {
        self.done((|| match ATTEMPTS.get_mut(self.transaction, node)? {
            None => Ok(()),
            Some(attempt) if attempt.repairs.is_empty() => ATTEMPTS.remove(self.transaction, node),
            Some(mut attempt) => {
                attempt.succeed(at);
                ATTEMPTS.put(self.transaction, node, &attempt)
            }
        })())
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
        self.done((|| {
            let known = ATTEMPTS.get_mut(self.transaction, node)?;
            let mut attempt = known.unwrap_or_else(|| Attempt::new(at));
            change(&mut attempt);
            ATTEMPTS.put(self.transaction, node, &attempt)
        })())
    }

    /// Keeps rows of the ledger, each whole, and the commit up to which it is kept.
    pub fn keep_ledger<'a>(
        &self,
        commit: CommitId,
        rows: impl IntoIterator<Item = (&'a Repository, &'a Tag, serde_json::Value)>,
    ) -> Result<(), StateError> {
        self.done((|| {
            META.put(self.transaction, &LEDGER_COMMIT.to_owned(), &commit.to_string())?;
            for (reference, tag, row) in rows {
                LEDGER.put(self.transaction, &(reference.clone(), tag.clone()), &row)?;
            }
            Ok(())
        })())
    }

    /// For a ledger that begins anew, at another floor.
    pub fn forget_ledger(&self) -> Result<(), StateError> {
        self.done((|| {
            META.remove(self.transaction, &LEDGER_COMMIT.to_owned())?;
            LEDGER.clear(self.transaction)
        })())
    }
}
