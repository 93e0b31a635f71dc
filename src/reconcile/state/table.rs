//! Tables: text keys, JSON values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::num::NonZero;
use std::thread;

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{SEPARATOR, TextKey};
use super::{Adoption, Attempt, ClaimKey, JournalEntry, JournalKey, NodeKey};
use crate::execute::SignedArtifact;
use crate::model::{Admission, CommitId, Digest, Pause, Repository, Tag};

/// A table of one kind of rows.
pub(super) struct Table<K, V> {
    definition: TableDefinition<'static, &'static str, &'static str>,
    rows: PhantomData<fn(K) -> V>,
}

/// `schema`, `first-accepted`, `ledger-commit`.
pub(super) const META: Table<String, String> = Table::new("meta");
/// By branch.
pub(super) const ACCEPTED: Table<String, CommitId> = Table::new("accepted");
pub(super) const ADMISSIONS: Table<ClaimKey, Admission> = Table::new("admissions");
pub(super) const WRITTEN: Table<(Repository, Tag), Digest> = Table::new("written");
pub(super) const ADOPTED: Table<(Repository, Tag), Adoption> = Table::new("adopted");
pub(super) const JOURNAL: Table<JournalKey, JournalEntry> = Table::new("journal");
/// Claims of which a registry held a record, or a signature of ours, before this state knew of them; since when.
pub(super) const RECORDED: Table<ClaimKey, Timestamp> = Table::new("recorded");
/// What stands wherever it is wanted: read only where it is to be signed again.
pub(super) const SIGNED: Table<JournalKey, SignedArtifact> = Table::new("signed");
pub(super) const ATTEMPTS: Table<NodeKey, Attempt> = Table::new("attempts");
/// Since when endpoints (target and name) do not answer.
pub(super) const SILENT: Table<NodeKey, Timestamp> = Table::new("silent");
/// Copies that were begun and did not end with every blob verified, by where they go.
pub(super) const UNFINISHED: Table<(Repository, Digest), ()> = Table::new("unfinished");
/// Why nothing is written for now; one row.
pub(super) const PAUSE: Table<String, Pause> = Table::new("pause");
/// By public reference and tag; the values are the ledger's own.
pub(super) const LEDGER: Table<(Repository, Tag), serde_json::Value> = Table::new("ledger");

/// Fewer are parsed sooner than a thread starts.
const ROWS_WORTH_A_THREAD: usize = 1_000;

/// Why a table cannot be read or written.
pub(super) enum RowError {
    Storage(redb::Error),
    /// A row that is not what this table holds.
    Row(String),
    /// A text that no key can hold.
    Key(String),
}

impl<E: Into<redb::Error>> From<E> for RowError {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

impl<K: TextKey, V: Serialize + DeserializeOwned> Table<K, V> {
    const fn new(name: &'static str) -> Self {
        Self {
            definition: TableDefinition::new(name),
            rows: PhantomData,
        }
    }

    pub fn create(&self, transaction: &WriteTransaction) -> Result<(), RowError> {
        transaction.open_table(self.definition)?;
        Ok(())
    }

    pub fn get(&self, transaction: &ReadTransaction, key: &K) -> Result<Option<V>, RowError> {
        match transaction.open_table(self.definition) {
            Ok(table) => self.row(&table, &text(key)?),
            // The database is new, and still without tables.
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// As it stands within a transaction that may have changed it.
    pub fn get_mut(&self, transaction: &WriteTransaction, key: &K) -> Result<Option<V>, RowError> {
        self.row(&transaction.open_table(self.definition)?, &text(key)?)
    }

    /// Every row. Rows are read one after the other and parsed on all processors: a state has tens of thousands.
    pub fn all(&self, transaction: &ReadTransaction) -> Result<BTreeMap<K, V>, RowError>
    where
        K: Ord + Send,
        V: Send,
    {
        let table = match transaction.open_table(self.definition) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let mut text = String::new();
        let mut ends = Vec::new();
        for row in table.iter()? {
            let (key, value) = row?;
            text.push_str(key.value());
            let key_end = text.len();
            text.push_str(value.value());
            ends.push((key_end, text.len()));
        }
        let starts = [0].into_iter().chain(ends.iter().map(|(_, end)| *end));
        let rows: Vec<(&str, &str)> = starts
            .zip(&ends)
            .map(|(start, (key_end, end))| (&text[start..*key_end], &text[*key_end..*end]))
            .collect();
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let share = rows.len().div_ceil(workers).max(ROWS_WORTH_A_THREAD);
        let parse = |rows: &[(&str, &str)]| -> Result<Vec<(K, V)>, RowError> {
            rows.iter().map(|(key, value)| self.row_of(key, value)).collect()
        };
        let parsed = thread::scope(|scope| {
            let mut shares = rows.chunks(share);
            let first = shares.next().unwrap_or_default();
            let others: Vec<_> = shares.map(|share| scope.spawn(move || parse(share))).collect();
            let mut parsed = vec![parse(first)];
            parsed.extend(others.into_iter().map(|other| match other.join() {
                Ok(rows) => rows,
                Err(panic) => std::panic::resume_unwind(panic),
            }));
            parsed.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        Ok(parsed.into_iter().flatten().collect())
    }

    fn row_of(&self, key: &str, value: &str) -> Result<(K, V), RowError> {
        let parts: Vec<&str> = key.split(SEPARATOR).collect();
        let parsed = K::from_parts(&parts).ok_or_else(|| self.bad_row(key, "its key is not one"))?;
        Ok((parsed, self.value(key, value)?))
    }

    pub fn put(&self, transaction: &WriteTransaction, key: &K, value: &V) -> Result<(), RowError> {
        let key = text(key)?;
        let value = serde_json::to_string(value).map_err(|error| self.bad_row(&key, &error.to_string()))?;
        transaction.open_table(self.definition)?.insert(&*key, &*value)?;
        Ok(())
    }

    pub fn remove(&self, transaction: &WriteTransaction, key: &K) -> Result<(), RowError> {
        transaction.open_table(self.definition)?.remove(&*text(key)?)?;
        Ok(())
    }

    pub fn clear(&self, transaction: &WriteTransaction) -> Result<(), RowError> {
        transaction.delete_table(self.definition)?;
        self.create(transaction)
    }

    fn row(&self, table: &impl ReadableTable<&'static str, &'static str>, key: &str) -> Result<Option<V>, RowError> {
        match table.get(key)? {
            Some(value) => self.value(key, value.value()).map(Some),
            None => Ok(None),
        }
    }

    fn value(&self, key: &str, json: &str) -> Result<V, RowError> {
        serde_json::from_str(json).map_err(|error| self.bad_row(key, &error.to_string()))
    }

    fn bad_row(&self, key: &str, reason: &str) -> RowError {
        use redb::TableHandle as _;
        let key = key.replace(SEPARATOR, " ");
        RowError::Row(format!("the row `{key}` of `{}`: {reason}", self.definition.name()))
    }
}

fn text<K: TextKey>(key: &K) -> Result<Cow<'static, str>, RowError> {
    let parts = key.parts();
    match parts.iter().find(|part| part.chars().any(char::is_control)) {
        Some(bad) => Err(RowError::Key(bad.escape_debug().to_string())),
        None => Ok(parts.join("\t").into()),
    }
}
