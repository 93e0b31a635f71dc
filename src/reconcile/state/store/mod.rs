//! The state, open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase};

use super::batch::{FIRST_ACCEPTED, LEDGER_COMMIT, WRITES};
use super::table::{
    ACCEPTED, ADMISSIONS, ADOPTED, ATTEMPTS, JOURNAL, LEDGER, META, PAUSE, RECORDED, RowError, SIGNED, SILENT,
    UNFINISHED, WRITTEN,
};
use super::{Adoption, Attempt, Batch, ClaimKey, Disk, JournalEntry, JournalKey, NodeKey, StateError};
use crate::execute::SignedArtifact;
use crate::model::{Admission, CommitId, Digest, Pause, Repository, Tag};
use crate::reconcile::database::{self, OpenError};

/// The form in which rows are kept. A state with a later one is not touched.
const SCHEMA: u32 = 2;
/// Artifacts are kept without their signer, endpoints of attempts by their names: see [`State::upgrade`].
const FIRST_SCHEMA: u32 = 1;
/// What schema 1 called [`FIRST_ACCEPTED`]: since when it knew everything.
const INTACT_SINCE: &str = "intact-since";
const SCHEMA_KEY: &str = "schema";
const FILE: &str = "state.redb";

/// Landfall's durable memory. One process holds it at a time; calls block while they reach the disk.
///
/// Losing it authorises no write: what it forgets is asked of Git and of registries again.
pub struct State {
    database: Database,
    /// What errors call it.
    file: String,
}

impl State {
    /// Opens the state in `folder`, or begins one there.
    ///
    /// # Errors
    /// [`StateError::InUse`], [`StateError::Corrupt`], [`StateError::Schema`], [`StateError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let file = folder.join(FILE);
        Self::with(database::open_file(&file), file.display().to_string())
    }

    /// Opens the state on a disk in memory, or begins one there.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(disk: &Disk) -> Result<Self, StateError> {
        Self::with(database::open_disk(disk), "in memory".to_owned())
    }

    /// A state that ends with this value.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn in_memory() -> Result<Self, StateError> {
        Self::open_on(&Disk::new())
    }

    fn with(database: Result<Database, OpenError>, file: String) -> Result<Self, StateError> {
        let database = match database {
            Ok(database) => database,
            Err(OpenError::InUse) => return Err(StateError::InUse { file }),
            Err(OpenError::Corrupt(reason)) => return Err(StateError::Corrupt { file, reason }),
            Err(OpenError::Io(reason)) => {
                return Err(StateError::Io {
                    file,
                    doing: "open it",
                    reason,
                });
            }
        };
        let state = Self { database, file };
        let schema = SCHEMA_KEY.to_owned();
        let expected = SCHEMA.to_string();
        match state.read(|transaction| META.get(transaction, &schema))? {
            Some(found) if found == expected => Ok(state),
            Some(found) if found == FIRST_SCHEMA.to_string() => {
                state.upgrade()?;
                Ok(state)
            }
            Some(found) => Err(StateError::Schema {
                file: state.file,
                found,
                known: SCHEMA,
            }),
            None => {
                state.write(|batch| batch.change(|transaction| META.put(transaction, &schema, &expected)))?;
                Ok(state)
            }
        }
    }

    /// From schema 1. Its rows are read as they are; whose artifacts are whose, the manifests say later.
    fn upgrade(&self) -> Result<(), StateError> {
        let intact_since = INTACT_SINCE.to_owned();
        let first_accepted = self.meta_commit(INTACT_SINCE)?;
        self.write(|batch| {
            if let Some(commit) = first_accepted {
                batch.set_first_accepted(commit)?;
            }
            batch.change(|transaction| {
                META.remove(transaction, &intact_since)?;
                META.put(transaction, &SCHEMA_KEY.to_owned(), &SCHEMA.to_string())
            })
        })
    }

    /// Runs `work` in one transaction. Where it ends well, all it did is on disk when this returns; otherwise none of
    /// it ever happened. Work that changes nothing costs nothing.
    ///
    /// # Errors
    /// Those of `work`, and what the disk says.
    pub fn write<T>(&self, work: impl FnOnce(&Batch<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        let batch = Batch::new(&self.database, &self.file);
        let result = work(&batch)?;
        batch.commit()?;
        Ok(result)
    }

    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, RowError>) -> Result<T, StateError> {
        self.database
            .begin_read()
            .map_err(RowError::from)
            .and_then(|transaction| work(&transaction))
            .map_err(|error| state_error(&self.file, "read", error))
    }

    /// The commit at which `branch` was last accepted.
    pub fn accepted(&self, branch: &str) -> Result<Option<CommitId>, StateError> {
        self.read(|transaction| ACCEPTED.get(transaction, &branch.to_owned()))
    }

    /// The first commit that was ever accepted under this state: see [`Batch::set_first_accepted`].
    pub fn first_accepted(&self) -> Result<Option<CommitId>, StateError> {
        self.meta_commit(FIRST_ACCEPTED)
    }

    /// Why nothing is written for now.
    pub fn pause(&self) -> Result<Option<Pause>, StateError> {
        self.read(|transaction| PAUSE.get(transaction, &WRITES.to_owned()))
    }

    /// Claims of which a registry knew before this state did.
    pub fn recorded(&self) -> Result<BTreeMap<ClaimKey, Timestamp>, StateError> {
        self.read(|transaction| RECORDED.all(transaction))
    }

    pub fn admission(&self, claim: &ClaimKey) -> Result<Option<Admission>, StateError> {
        self.read(|transaction| ADMISSIONS.get(transaction, claim))
    }

    pub fn admissions(&self) -> Result<BTreeMap<ClaimKey, Admission>, StateError> {
        self.read(|transaction| ADMISSIONS.all(transaction))
    }

    /// The digest that landfall last set this tag to at this endpoint.
    pub fn written(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, StateError> {
        self.read(|transaction| WRITTEN.get(transaction, &(repository.clone(), tag.clone())))
    }

    pub fn all_written(&self) -> Result<BTreeMap<(Repository, Tag), Digest>, StateError> {
        self.read(|transaction| WRITTEN.all(transaction))
    }

    pub fn adoptions(&self) -> Result<BTreeMap<(Repository, Tag), Adoption>, StateError> {
        self.read(|transaction| ADOPTED.all(transaction))
    }

    pub fn journalled(&self, key: &JournalKey) -> Result<Option<JournalEntry>, StateError> {
        self.read(|transaction| JOURNAL.get(transaction, key))
    }

    pub fn all_journalled(&self) -> Result<BTreeMap<JournalKey, JournalEntry>, StateError> {
        self.read(|transaction| JOURNAL.all(transaction))
    }

    /// Bytes that were signed, whether or not they stand wherever they are wanted.
    pub fn signed(&self, key: &JournalKey) -> Result<Option<SignedArtifact>, StateError> {
        match self.journalled(key)?.and_then(|entry| entry.artifact) {
            Some(artifact) => Ok(Some(artifact)),
            None => self.read(|transaction| SIGNED.get(transaction, key)),
        }
    }

    pub fn attempts(&self) -> Result<BTreeMap<NodeKey, Attempt>, StateError> {
        self.read(|transaction| ATTEMPTS.all(transaction))
    }

    /// Copies that were begun and did not end with every blob verified, by where they go.
    pub fn unfinished(&self) -> Result<BTreeSet<(Repository, Digest)>, StateError> {
        let rows = self.read(|transaction| UNFINISHED.all(transaction))?;
        Ok(rows.into_keys().collect())
    }

    /// Endpoints that do not answer, and since when.
    pub fn silent(&self) -> Result<BTreeMap<NodeKey, Timestamp>, StateError> {
        self.read(|transaction| SILENT.all(transaction))
    }

    /// The ledger's rows, and the commit up to which they are kept.
    #[expect(clippy::type_complexity, reason = "a map of rows, named nowhere else")]
    pub fn ledger(&self) -> Result<(Option<CommitId>, BTreeMap<(Repository, Tag), serde_json::Value>), StateError> {
        let commit = self.meta_commit(LEDGER_COMMIT)?;
        Ok((commit, self.read(|transaction| LEDGER.all(transaction))?))
    }

    fn meta_commit(&self, key: &str) -> Result<Option<CommitId>, StateError> {
        self.read(|transaction| {
            let text = META.get(transaction, &key.to_owned())?;
            text.map(|text| {
                text.parse()
                    .map_err(|reason| RowError::Row(format!("`{key}`: {reason}")))
            })
            .transpose()
        })
    }
}

pub(super) fn state_error(file: &str, doing: &'static str, error: RowError) -> StateError {
    let file = file.to_owned();
    match error {
        RowError::Row(reason) | RowError::Storage(redb::Error::Corrupted(reason)) => {
            StateError::Corrupt { file, reason }
        }
        RowError::Storage(error) => StateError::Io {
            file,
            doing,
            reason: error.to_string(),
        },
        RowError::Key(text) => StateError::Key { file, text },
    }
}

#[cfg(test)]
mod tests;
