//! Objects read from the database and held against their ids, so that damage on disk never reads as content.

use std::borrow::Cow;
use std::path::Path;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::Kind;

use super::SourceError;
use super::folder::{Folder, TreeEntry};
use crate::model::{BlobId, CommitId};

pub(super) fn object_id(id: [u8; 20]) -> ObjectId {
    ObjectId::Sha1(id)
}

/// The 20 bytes of a SHA-1 id; other object formats are refused when a repository is opened.
pub(super) fn sha1(id: &gix::oid) -> [u8; 20] {
    id.as_bytes()
        .try_into()
        .expect("only SHA-1 repositories are opened, and their ids have 20 bytes")
}

/// The id that Git gives to a file's content. `None` for what was made to have the id of something else.
#[must_use]
pub fn blob_id(bytes: &[u8]) -> Option<BlobId> {
    let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, Kind::Blob, bytes).ok()?;
    Some(BlobId(sha1(&id)))
}

/// What gix reports, with its causes, on one line.
pub(super) fn reason(error: &gix::Error) -> String {
    let mut parts: Vec<String> = error.iter_errors().map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ").replace('\n', " ")
}

/// Bytes of one folder's listing: some 200,000 names. A longer one is not unpacked.
pub(super) const LARGEST_FOLDER: u64 = 8 << 20;

/// How many differences deep an object may be stored: git itself stores 50 deep, 4,095 at most. Each may be as large as
/// the largest object, and all of them are unpacked for one.
const LONGEST_CHAIN: u32 = 1_000;

/// One repository's objects, for one thread.
pub(super) struct Objects<'a> {
    pub repository: &'a gix::Repository,
    pub path: &'a Path,
}

impl Objects<'_> {
    /// An object's bytes, checked against its id.
    pub fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, SourceError> {
        let object = self
            .repository
            .try_find_object(id)
            .map_err(|error| self.corrupt(&id, reason(&error)))?
            .ok_or_else(|| self.missing(&id, kind))?;
        if object.kind != kind {
            return Err(self.corrupt(&id, format!("it is a {}, expected a {kind}", object.kind)));
        }
        gix::objs::Data::new(&object.data, kind, id.kind())
            .verify_checksum(&id)
            .map_err(|_| self.corrupt(&id, "its content does not hash to its id".to_owned()))?;
        Ok(object.detach().data)
    }

    /// The size of an object, from its header. [`u64::MAX`] for what is stored in a way that makes small things
    /// expensive.
    pub fn size(&self, id: ObjectId, kind: Kind) -> Result<u64, SourceError> {
        let header = self
            .repository
            .try_find_header(id)
            .map_err(|error| self.corrupt(&id, reason(&error)))?
            .ok_or_else(|| self.missing(&id, kind))?;
        let is_deep = header.num_deltas().is_some_and(|deltas| deltas > LONGEST_CHAIN);
        Ok(if is_deep { u64::MAX } else { header.size() })
    }

    /// The bytes of a commit object.
    pub fn commit(&self, id: CommitId) -> Result<Vec<u8>, SourceError> {
        match self.read(object_id(id.0), Kind::Commit) {
            Err(SourceError::MissingObject { .. }) => Err(SourceError::NoSuchCommit {
                repository: self.path.to_owned(),
                commit: id,
            }),
            result => result,
        }
    }

    /// The tree of a commit.
    pub fn tree_of(&self, id: CommitId) -> Result<ObjectId, SourceError> {
        let bytes = self.commit(id)?;
        gix::objs::CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1)
            .tree_id()
            .map_err(|error| self.corrupt(&object_id(id.0), reason(&error)))
    }

    /// A tree's entries. Names that no checkout could hold, and names that stand there twice, are refused: they only
    /// come from objects made by hand.
    pub fn folder(&self, tree: ObjectId) -> Result<Folder, SourceError> {
        if tree.is_empty_tree() {
            return Ok(Folder::default());
        }
        // Asked before: what cannot be used is not unpacked either.
        if self.size(tree, Kind::Tree)? > LARGEST_FOLDER {
            return Err(SourceError::TooLarge {
                repository: self.path.to_owned(),
                folder: BlobId(sha1(&tree)),
                limit: LARGEST_FOLDER,
            });
        }
        let bytes = self.read(tree, Kind::Tree)?;
        let mut entries = Vec::new();
        for entry in gix::objs::TreeRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1) {
            let entry = entry.map_err(|error| self.corrupt(&tree, reason(&error)))?;
            gix::validate::path::component(entry.filename, None, POSIX_NAMES)
                .map_err(|bad| self.corrupt(&tree, format!("it has an entry `{}`: {bad}", entry.filename)))?;
            let name = match entry.filename.to_str() {
                Ok(name) => Cow::Borrowed(name),
                Err(_) => Cow::Owned(entry.filename.escape_bytes().to_string()),
            };
            let found = TreeEntry {
                kind: entry.mode.kind(),
                id: entry.oid.to_owned(),
            };
            entries.push((name, found));
        }
        Folder::new(entries).map_err(|name| self.corrupt(&tree, format!("it has `{name}` twice")))
    }

    fn missing(&self, id: &gix::oid, kind: Kind) -> SourceError {
        SourceError::MissingObject {
            repository: self.path.to_owned(),
            kind: match kind {
                Kind::Blob => "file content",
                Kind::Tree => "folder",
                Kind::Commit => "commit",
                Kind::Tag => "tag",
            },
            object: BlobId(sha1(id)),
        }
    }

    pub fn corrupt(&self, id: &gix::oid, reason: String) -> SourceError {
        SourceError::Corrupt {
            repository: self.path.to_owned(),
            object: BlobId(sha1(id)),
            reason,
        }
    }
}

/// A name that only Windows or macOS cannot hold is none of our business: nothing is checked out.
const POSIX_NAMES: gix::validate::path::component::Options = gix::validate::path::component::Options {
    protect_windows: false,
    protect_hfs: false,
    protect_ntfs: false,
};
