//! Opening redb databases: in files, and in memory that outlives whoever opened it.

use std::fs::DirBuilder;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Builder, Database, DatabaseError, StorageBackend, StorageError};

/// redb's own, for pages read.
const PAGE_CACHE: usize = 64 << 20;

/// Why a database does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenError {
    InUse,
    Corrupt(String),
    Io(String),
}

/// Opens or creates a database and checks all of it: redb trusts a file that was closed well, and may panic on one
/// that was damaged since. Only one process can hold a file open at a time.
pub(super) fn open_file(file: &Path) -> Result<Database, OpenError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| OpenError::Io(format!("{}: {error}", folder.display())))?;
    Ok(Builder::new()
        .set_cache_size(PAGE_CACHE)
        .set_check_integrity_on_open(true)
        .create(file)?)
}

pub(super) fn open_disk(disk: &Disk) -> Result<Database, OpenError> {
    Ok(Builder::new()
        .set_cache_size(PAGE_CACHE)
        .create_with_backend(disk.attach()?)?)
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Self::InUse,
            DatabaseError::Storage(StorageError::Corrupted(reason)) => Self::Corrupt(reason),
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Corrupt(error.to_string())
            }
            DatabaseError::UpgradeRequired(version) => Self::Corrupt(format!("it has file format {version}")),
            other => Self::Io(other.to_string()),
        }
    }
}

/// A disk in memory. What was synchronised to it survives [`Disk::kill`], what was merely written does not, as when
/// the power fails; so a simulation can kill a process between any two steps and start the next one on what is left.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Where the two differ.
    written: Vec<Range<usize>>,
    /// Counts processes: those that were killed have a smaller number, and reach nothing any more.
    process: u64,
    in_use: bool,
}

impl Disk {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends whoever has it open, at once. What they do from then on fails.
    pub fn kill(&self) {
        let mut contents = self.lock();
        contents.process += 1;
        contents.in_use = false;
        contents.written.clear();
        contents.current = contents.durable.clone();
    }

    fn attach(&self) -> Result<Attached, OpenError> {
        let mut contents = self.lock();
        if contents.in_use {
            return Err(OpenError::InUse);
        }
        contents.in_use = true;
        Ok(Attached {
            disk: self.clone(),
            process: contents.process,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A disk as the process sees it that has it open.
#[derive(Debug)]
struct Attached {
    disk: Disk,
    process: u64,
}

impl Attached {
    fn contents(&self) -> io::Result<MutexGuard<'_, Contents>> {
        let contents = self.disk.lock();
        if contents.process == self.process {
            Ok(contents)
        } else {
            Err(io::Error::other("the process was killed"))
        }
    }
}

fn range(offset: u64, length: usize) -> io::Result<Range<usize>> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| Some(start..start.checked_add(length)?))
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

impl StorageBackend for Attached {
    fn len(&self) -> io::Result<u64> {
        Ok(self.contents()?.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.contents()?;
        let bytes = contents
            .current
            .get(range(offset, out.len())?)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.contents()?.current.resize(length, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let contents = &mut *self.contents()?;
        contents.durable.resize(contents.current.len(), 0);
        for range in contents.written.drain(..) {
            // What was written beyond a later end is gone.
            let range = range.start.min(contents.durable.len())..range.end.min(contents.durable.len());
            contents.durable[range.clone()].copy_from_slice(&contents.current[range]);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let contents = &mut *self.contents()?;
        let range = range(offset, data.len())?;
        contents
            .current
            .get_mut(range.clone())
            .ok_or(io::ErrorKind::UnexpectedEof)?
            .copy_from_slice(data);
        contents.written.push(range);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.contents()?.in_use = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synchronised_is_lost_when_the_process_is_killed() {
        let disk = Disk::new();
        let process = disk.attach().unwrap();
        process.set_len(4).unwrap();
        process.write(0, b"abcd").unwrap();
        process.sync_data().unwrap();
        process.write(1, b"XX").unwrap();
        process.set_len(8).unwrap();
        disk.kill();
        assert!(process.read(0, &mut [0; 4]).is_err());
        assert!(process.write(0, b"Z").is_err());
        let next = disk.attach().unwrap();
        let mut bytes = [0; 4];
        next.read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"abcd");
        assert_eq!(next.len().unwrap(), 4);
    }

    #[test]
    fn a_disk_shrinks_and_grows_with_zeros() {
        let disk = Disk::new();
        let process = disk.attach().unwrap();
        process.set_len(4).unwrap();
        process.write(0, b"abcd").unwrap();
        process.set_len(2).unwrap();
        process.set_len(4).unwrap();
        process.sync_data().unwrap();
        disk.kill();
        let mut bytes = [1; 4];
        disk.attach().unwrap().read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"ab\0\0");
    }

    #[test]
    fn one_process_at_a_time() {
        let disk = Disk::new();
        let process = disk.attach().unwrap();
        assert_eq!(disk.attach().map(drop), Err(OpenError::InUse));
        process.close().unwrap();
        assert!(disk.attach().is_ok());
    }
}
