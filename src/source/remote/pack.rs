//! What is sent: held against the limits before it is unpacked, and kept so that commits come last.

use std::io::{self, BufRead, Cursor, Read as _};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use gix::DynNestedProgress;
use gix::objs::{Kind, Write as _};
use gix::odb::pack;

use super::Fault;
use super::clone::CloneOnDisk;
use super::look::Look;
use crate::source::object::reason;
use crate::source::repository::LARGEST_OBJECT;

/// Packs of fewer objects are taken apart, as git does: each further pack would make reading slower.
const TAKEN_APART: u32 = 100;

/// Objects that were received, and are not part of the clone yet.
pub(super) struct Received {
    files: Option<(PathBuf, PathBuf)>,
    objects: u32,
}

/// Reads a pack into the clone's folder for what is incoming.
pub(super) fn receive(
    reader: &mut dyn BufRead,
    progress: &mut dyn DynNestedProgress,
    interrupted: &AtomicBool,
    clone: &CloneOnDisk,
    look: &Look,
) -> gix::Result<Received> {
    // Signature, version, number of objects (gitformat-pack).
    let mut head = [0; 12];
    reader.read_exact(&mut head).map_err(gix::Error::from_error)?;
    let [.., a, b, c, d] = head;
    let objects = u64::from(u32::from_be_bytes([a, b, c, d]));
    if head.starts_with(b"PACK") && objects > look.limits.objects {
        let fault = Fault::TooManyObjects {
            objects,
            limit: look.limits.objects,
        };
        return Err(gix::Error::from_error(look.fail(fault)));
    }
    let incoming = clone
        .empty_incoming()
        .map_err(|fault| gix::Error::from_error(look.fail(fault)))?;
    let repository = clone.open().map_err(|fault| gix::Error::from_error(look.fail(fault)))?;
    let mut whole = Cursor::new(head).chain(reader);
    let outcome = pack::Bundle::write_to_directory(
        &mut whole,
        Some(&incoming),
        progress,
        interrupted,
        Some(repository.objects.clone()),
        gix::hash::Kind::Sha1,
        pack::bundle::write::Options {
            thread_limit: None,
            iteration_mode: pack::data::input::Mode::Verify,
            alloc_limit_bytes: usize::try_from(LARGEST_OBJECT).ok(),
            ..pack::bundle::write::Options::default()
        },
    )?;
    Ok(Received {
        files: outcome.data_path.zip(outcome.index_path),
        objects: outcome.index.num_objects,
    })
}

impl Received {
    /// Makes them part of the clone. A commit that is there has everything that it stands on.
    pub fn keep(self, clone: &CloneOnDisk) -> Result<(), Fault> {
        let Some((data, index)) = self.files else {
            return Ok(());
        };
        if self.objects < TAKEN_APART {
            take_apart(&index, clone)?;
        } else {
            clone.adopt_pack(&data, &index)?;
        }
        clone.empty_incoming().map(drop)
    }
}

fn take_apart(index: &std::path::Path, clone: &CloneOnDisk) -> Result<(), Fault> {
    let damaged = |error: gix::Error| Fault::Damaged { reason: reason(&error) };
    let bundle = pack::Bundle::at(index, gix::hash::Kind::Sha1).map_err(damaged)?;
    let repository = clone.open()?;
    let mut inflate = gix::zlib::Inflate::default();
    let (mut commits, mut buffer) = (Vec::new(), Vec::new());
    let mut number = 0;
    while number < bundle.index.num_objects() {
        let mut cache = pack::cache::Never;
        let (object, _) = bundle
            .get_object_by_index(number, &mut buffer, &mut inflate, &mut cache)
            .map_err(damaged)?;
        if object.kind == Kind::Commit {
            commits.push(object.data.to_vec());
        } else {
            write(&repository, object.kind, object.data, clone)?;
        }
        number += 1;
    }
    for commit in &commits {
        write(&repository, Kind::Commit, commit, clone)?;
    }
    Ok(())
}

fn write(repository: &gix::Repository, kind: Kind, data: &[u8], clone: &CloneOnDisk) -> Result<(), Fault> {
    repository
        .objects
        .write_buf(kind, data)
        .map(drop)
        .map_err(|error| disk_fault(&error, clone).unwrap_or_else(|| clone.disk(reason(&error))))
}

/// What went wrong while objects came.
pub(super) fn fault(look: &Look, error: &gix::Error, clone: &CloneOnDisk) -> Fault {
    if look.left().is_zero() {
        return look.timed_out("fetching");
    }
    disk_fault(error, clone).unwrap_or_else(|| look.fault(error))
}

fn disk_fault(error: &gix::Error, clone: &CloneOnDisk) -> Option<Fault> {
    let kinds = error
        .iter_errors()
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    for kind in kinds {
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                return Some(Fault::DiskFull {
                    folder: clone.path().to_owned(),
                });
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                return Some(clone.disk(reason(error)));
            }
            _ => {}
        }
    }
    None
}
