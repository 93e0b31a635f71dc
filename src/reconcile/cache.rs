//! What saves requests and work: what was verified, by name. It may be deleted at any time, and nothing about it is
//! ever an error: what it cannot give is read and verified again.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::database::{self, Disk, OpenError};
use crate::model::Digest;
use crate::observe::{KeptVerdicts, Verdict};

const FILE: &str = "cache.redb";

/// Age (they count up) and content.
type Entry = (u64, &'static [u8]);
const ENTRIES: TableDefinition<'static, &'static str, Entry> = TableDefinition::new("entries");
/// By age: the oldest leave first.
const AGES: TableDefinition<'static, u64, &'static str> = TableDefinition::new("ages");
/// `bytes`: of all entries together.
const TOTALS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("totals");

/// What an entry costs beside its key and content, roughly.
const OVERHEAD: u64 = 64;
/// Writes reach the disk this often; a crash loses at most so many, and the cache misses them.
const WRITES_PER_SYNC: u64 = 64;

/// Keeps what was used last to be written, up to a size.
pub struct Cache {
    database: Option<Database>,
    /// Bytes.
    limit: u64,
    writes: AtomicU64,
    failed: AtomicBool,
}

impl Cache {
    /// Opens the cache in `folder`, or begins one. One that is damaged is deleted; where another process has it open,
    /// or it cannot be written, this one lives in memory.
    #[must_use]
    pub fn open(folder: &Path, limit: u64) -> Self {
        let file = folder.join(FILE);
        let shown = file.display();
        let opened = database::open_file(&file).or_else(|error| {
            let OpenError::Corrupt(reason) = error else {
                return Err(error);
            };
            tracing::warn!(file = %shown, reason, "the cache is damaged: beginning a new one");
            fs::remove_file(&file).map_err(|error| OpenError::Io(error.to_string()))?;
            database::open_file(&file)
        });
        let reason = match opened {
            Ok(database) => return Self::with(Some(database), limit),
            Err(OpenError::InUse) => "another process has it open".to_owned(),
            Err(OpenError::Corrupt(reason) | OpenError::Io(reason)) => reason,
        };
        tracing::warn!(file = %shown, reason, "the cache cannot be used: keeping it in memory");
        Self::in_memory(limit)
    }

    /// A cache that ends with this value.
    #[must_use]
    pub fn in_memory(limit: u64) -> Self {
        Self::with(database::open_disk(&Disk::new()).ok(), limit)
    }

    fn with(database: Option<Database>, limit: u64) -> Self {
        Self {
            database,
            limit,
            writes: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    fn usable(&self) -> Option<&Database> {
        self.database.as_ref().filter(|_| !self.failed.load(Ordering::Relaxed))
    }

    /// After a failure the cache is left alone, so that one fault is one line in the log.
    fn fail(&self, error: &redb::Error) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the cache failed: going on without");
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let database = self.usable()?;
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            match database.begin_read()?.open_table(ENTRIES) {
                Ok(table) => Ok(table.get(key)?.map(|entry| entry.value().1.to_owned())),
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        read().unwrap_or_else(|error| {
            self.fail(&error);
            None
        })
    }

    pub(super) fn put(&self, key: &str, content: &[u8]) {
        let Some(database) = self.usable() else { return };
        if size(key, content) > self.limit {
            return;
        }
        let last_of_many = self.writes.fetch_add(1, Ordering::Relaxed) % WRITES_PER_SYNC == WRITES_PER_SYNC - 1;
        if let Err(error) = insert(database, key, content, self.limit, last_of_many) {
            self.fail(&error);
        }
    }
}

impl KeptVerdicts for Cache {
    fn verdict(&self, name: &Digest) -> Option<Verdict> {
        serde_json::from_slice(&self.get(&key(name))?).ok()
    }

    fn keep(&self, name: &Digest, verdict: &Verdict) {
        if let Ok(content) = serde_json::to_vec(verdict) {
            self.put(&key(name), &content);
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

fn insert(database: &Database, key: &str, content: &[u8], limit: u64, sync: bool) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    if !sync {
        transaction.set_durability(Durability::None)?;
    }
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut ages = transaction.open_table(AGES)?;
        let mut totals = transaction.open_table(TOTALS)?;
        let mut bytes = totals.get("bytes")?.map_or(0, |total| total.value());
        let age = ages.last()?.map_or(0, |(age, _)| age.value() + 1);
        if let Some(replaced) = entries.insert(key, (age, content))? {
            let (age, content) = replaced.value();
            ages.remove(age)?;
            bytes = bytes.saturating_sub(size(key, content));
        }
        ages.insert(age, key)?;
        bytes += size(key, content);
        while bytes > limit {
            let Some(oldest) = ages.pop_first()?.map(|(_, key)| key.value().to_owned()) else {
                break;
            };
            if let Some(evicted) = entries.remove(&*oldest)? {
                bytes = bytes.saturating_sub(size(&oldest, evicted.value().1));
            }
        }
        totals.insert("bytes", bytes)?;
    }
    transaction.commit()?;
    Ok(())
}

fn size(key: &str, content: &[u8]) -> u64 {
    (key.len() + content.len()) as u64 + OVERHEAD
}

fn key(name: &Digest) -> String {
    format!("verdict {}", name.hex())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn signature() -> Verdict {
        Verdict::Signature {
            by: crate::model::SignerIdentity::Key(Digest::of(b"key")),
            says: Digest::of(b"statement"),
        }
    }

    fn keep(cache: &Cache, content: &str) -> Digest {
        let name = Digest::of(content.as_bytes());
        KeptVerdicts::keep(cache, &name, &signature());
        name
    }

    fn has(cache: &Cache, name: &Digest) -> bool {
        cache.verdict(name) == Some(signature())
    }

    #[test]
    fn what_was_kept_is_found_again_also_by_the_next_process() {
        let folder = TempDir::new().unwrap();
        let name = keep(&Cache::open(folder.path(), LIMIT), "one");
        let cache = Cache::open(folder.path(), LIMIT);
        assert!(has(&cache, &name));
        assert_eq!(cache.verdict(&Digest::of(b"other")), None);
        cache.put(&key(&name), b"no verdict");
        assert_eq!(cache.verdict(&name), None);
    }

    #[test]
    fn the_oldest_leave_when_the_cache_is_full() {
        let each = size(&key(&Digest::of(b"")), &serde_json::to_vec(&signature()).unwrap());
        let cache = Cache::in_memory(3 * each);
        let kept: Vec<Digest> = ["1", "2", "3", "1", "4"].map(|content| keep(&cache, content)).to_vec();
        let found: Vec<bool> = kept.iter().map(|name| has(&cache, name)).collect();
        // 1 was written anew, so that 2 was the oldest.
        assert_eq!(found, [true, false, true, true, true]);
        cache.put("large", &[b'x'; 1_000]);
        assert_eq!(cache.get("large"), None);
    }

    #[test]
    fn a_damaged_cache_is_begun_anew() {
        let folder = TempDir::new().unwrap();
        fs::write(
            folder.path().join(FILE),
            "this is no database, and never was one".repeat(100),
        )
        .unwrap();
        let name = keep(&Cache::open(folder.path(), LIMIT), "one");
        assert!(has(&Cache::open(folder.path(), LIMIT), &name));
    }

    #[test]
    fn a_second_process_keeps_its_own_in_memory() {
        let folder = TempDir::new().unwrap();
        let first = Cache::open(folder.path(), LIMIT);
        let second = Cache::open(folder.path(), LIMIT);
        let name = keep(&second, "one");
        assert!(has(&second, &name) && !has(&first, &name));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_obstacle() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let cache = Cache::open(&file.join("below"), LIMIT);
        let name = keep(&cache, "one");
        assert!(has(&cache, &name));
    }
}
