//! The files of a commit that landfall reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use super::folder::{Folder, TreeEntry};
use super::object::{Objects, object_id, sha1};
use super::{Entry, SourceError, SubPath};
use crate::model::{BlobId, CommitId, Limits, RepoPath, Roots, Tree, TreeFile};

/// Contents that were read before, so that a commit which changed one line costs one file.
pub(super) type Contents = HashMap<BlobId, Arc<[u8]>>;

/// Reads the files of `commit` below `folder`. Where the folder does not exist at that commit, there are none.
pub(super) fn read(
    objects: &Objects<'_>,
    limits: &Limits,
    folder: &SubPath,
    roots: &Roots,
    commit: CommitId,
    known: &Contents,
) -> Result<Tree, SourceError> {
    let too_large = |limit: u64, what| SourceError::TooLarge {
        repository: objects.path.to_owned(),
        commit,
        limit,
        what,
    };
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    let mut pending: Vec<(String, usize, TreeEntry)> = top(objects, objects.tree_of(commit)?, folder, roots)?
        .iter()
        .map(|(name, entry)| (name.to_owned(), 1, entry))
        .collect();
    while let Some((path, depth, entry)) = pending.pop() {
        if entry.kind == EntryKind::Tree {
            if depth > limits.tree_depth {
                return Err(too_large(limits.tree_depth as u64, "levels of folders"));
            }
            let children = objects.folder(entry.id)?;
            if files.len() + pending.len() + children.len() > limits.tree_files {
                return Err(too_large(limits.tree_files as u64, "files"));
            }
            pending.extend(
                children
                    .iter()
                    .map(|(name, child)| (format!("{path}/{name}"), depth + 1, child)),
            );
            continue;
        }
        let Some(file) = file(objects, limits, entry, known)? else {
            continue;
        };
        if let TreeFile::Regular { bytes: content, .. } = &file {
            bytes += content.len() as u64;
            if bytes > limits.tree_bytes {
                return Err(too_large(limits.tree_bytes, "bytes"));
            }
        }
        files.insert(RepoPath::from(path.as_str()), file);
    }
    Ok(Tree { commit, files })
}

/// The entries below `folder` of a commit's tree that landfall reads, by path.
pub(super) fn top(
    objects: &Objects<'_>,
    tree: ObjectId,
    folder: &SubPath,
    roots: &Roots,
) -> Result<Folder, SourceError> {
    let Some(tree) = descend(objects, tree, folder.segments())? else {
        return Ok(Folder::default());
    };
    let always = objects.folder(tree)?;
    let mut entries: BTreeMap<&str, TreeEntry> = always
        .iter()
        .filter(|(name, entry)| match entry.kind {
            EntryKind::Tree => Roots::FOLDERS.contains(name),
            EntryKind::Link => *name == Roots::FILE || Roots::FOLDERS.contains(name),
            EntryKind::Blob | EntryKind::BlobExecutable => *name == Roots::FILE,
            EntryKind::Commit => false,
        })
        .collect();
    for root in roots.named() {
        if let Some(entry) = find(objects, tree, root.as_str())? {
            entries.insert(root.as_str(), entry);
        }
    }
    Folder::new(entries).map_err(|name| objects.corrupt(&tree, format!("it has `{name}` twice")))
}

/// What stands at one path of a commit, unread.
pub(super) fn entry_at(
    objects: &Objects<'_>,
    folder: &SubPath,
    commit: CommitId,
    path: &RepoPath,
) -> Result<Option<Entry>, SourceError> {
    match descend(objects, objects.tree_of(commit)?, folder.segments())? {
        Some(tree) => Ok(find(objects, tree, path.as_str())?.and_then(entry)),
        None => Ok(None),
    }
}

/// A file or link; folders and submodules are none.
pub(super) fn entry(entry: TreeEntry) -> Option<Entry> {
    let blob = BlobId(sha1(&entry.id));
    match entry.kind {
        EntryKind::Blob | EntryKind::BlobExecutable => Some(Entry::File(blob)),
        EntryKind::Link => Some(Entry::Symlink(blob)),
        EntryKind::Tree | EntryKind::Commit => None,
    }
}

/// The folder that these segments lead to; links are not followed.
fn descend<'a>(
    objects: &Objects<'_>,
    mut tree: ObjectId,
    segments: impl Iterator<Item = &'a str>,
) -> Result<Option<ObjectId>, SourceError> {
    for segment in segments {
        match objects.folder(tree)?.get(segment) {
            Some(entry) if entry.kind == EntryKind::Tree => tree = entry.id,
            _ => return Ok(None),
        }
    }
    Ok(Some(tree))
}

fn find(objects: &Objects<'_>, tree: ObjectId, path: &str) -> Result<Option<TreeEntry>, SourceError> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let segments = folders.split('/').filter(|segment| !segment.is_empty());
    match descend(objects, tree, segments)? {
        Some(tree) => Ok(objects.folder(tree)?.get(name)),
        None => Ok(None),
    }
}

fn file(
    objects: &Objects<'_>,
    limits: &Limits,
    entry: TreeEntry,
    known: &Contents,
) -> Result<Option<TreeFile>, SourceError> {
    match entry.kind {
        EntryKind::Blob | EntryKind::BlobExecutable => {
            content(objects, limits, BlobId(sha1(&entry.id)), known).map(Some)
        }
        EntryKind::Link => Ok(Some(TreeFile::Symlink)),
        // A submodule is another repository; its files are not part of this commit.
        EntryKind::Commit | EntryKind::Tree => Ok(None),
    }
}

/// A file's content, read only where its size allows.
pub(super) fn content(
    objects: &Objects<'_>,
    limits: &Limits,
    blob: BlobId,
    known: &Contents,
) -> Result<TreeFile, SourceError> {
    if let Some(bytes) = known.get(&blob) {
        return Ok(TreeFile::Regular {
            blob,
            bytes: bytes.clone(),
        });
    }
    let id = object_id(blob.0);
    let size = objects.size(id)?;
    if size > limits.manifest_file as u64 {
        return Ok(TreeFile::TooLarge { bytes: size });
    }
    Ok(TreeFile::Regular {
        blob,
        bytes: objects.read(id, Kind::Blob)?.into(),
    })
}

#[cfg(test)]
mod tests;
