//! The files of a commit that landfall reads.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use super::folder::{Folder, TreeEntry};
use super::object::{Objects, object_id, sha1};
use super::section::{self, Measure, Section, Sections};
use super::{Entry, SourceError, SubPath};
use crate::model::{BlobId, CommitId, Limits, Reads, RepoPath, Roots, Tree, TreeFile};

/// Contents that were read before, so that a commit which changed one line costs one file.
pub(super) type Contents = HashMap<BlobId, Arc<[u8]>>;

/// Reads the files of `commit` below `folder`. Where the folder does not exist at that commit, there are none. Where
/// more stands than the limits allow, that is said in place of it.
pub(super) fn read(
    objects: &Objects<'_>,
    limits: &Limits,
    folder: &SubPath,
    roots: &Roots,
    commit: CommitId,
    known: &Contents,
) -> Result<Tree, SourceError> {
    let mut folders: HashMap<ObjectId, Rc<Folder>> = HashMap::new();
    let mut read = |id| match folders.get(&id) {
        Some(known) => Ok(Rc::clone(known)),
        None => {
            let folder = Rc::new(objects.folder(id)?);
            folders.insert(id, Rc::clone(&folder));
            Ok(folder)
        }
    };
    let top = match top(objects, objects.tree_of(commit)?, folder, roots) {
        Err(SourceError::TooLarge { .. }) => {
            let files = BTreeMap::from([(RepoPath::from(Roots::FILE), section::LISTING.file())]);
            return Ok(Tree { commit, files });
        }
        top => top?,
    };
    let mut measure = Measure::new(objects, limits).knowing(known);
    let differing = section::differing(&Folder::default(), &top, &mut measure, &mut read)?;
    let sections: Sections = differing
        .into_iter()
        .filter_map(|(path, [_, section])| Some((path, section?)))
        .collect();
    let refused = section::refused(&sections, limits);
    let mut files = BTreeMap::new();
    for (path, Section { entry, .. }) in &sections {
        match (refused.get(path), entry) {
            (Some(excess), _) => drop(files.insert(RepoPath::from(path.as_str()), excess.file())),
            (None, Some(entry)) => below(objects, limits, known, (path, *entry), &mut read, &mut files)?,
            (None, None) => {}
        }
    }
    Ok(Tree { commit, files })
}

/// Reads what stands at a path and below it.
fn below(
    objects: &Objects<'_>,
    limits: &Limits,
    known: &Contents,
    (path, entry): (&str, TreeEntry),
    read: &mut section::ReadFolder<'_>,
    files: &mut BTreeMap<RepoPath, TreeFile>,
) -> Result<(), SourceError> {
    let reads = Reads::at(path);
    let mut pending = vec![(path.to_owned(), entry)];
    while let Some((path, entry)) = pending.pop() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let file = match entry.kind {
            EntryKind::Tree => {
                let children = read(entry.id)?;
                pending.extend(children.iter().map(|(name, child)| (format!("{path}/{name}"), child)));
                continue;
            }
            EntryKind::Blob | EntryKind::BlobExecutable if reads.hold(name) => {
                content(objects, limits, BlobId(sha1(&entry.id)), known)?
            }
            EntryKind::Blob | EntryKind::BlobExecutable => TreeFile::Other,
            EntryKind::Link => TreeFile::Symlink,
            EntryKind::Commit => TreeFile::Submodule,
        };
        files.insert(RepoPath::from(path.as_str()), file);
    }
    Ok(())
}

/// The entries below `folder` of a commit's tree that landfall reads, by path.
pub(super) fn top(
    objects: &Objects<'_>,
    tree: ObjectId,
    folder: &SubPath,
    roots: &Roots,
) -> Result<Folder, SourceError> {
    let tree = match descend(objects, tree, folder.segments())? {
        Way::Folder(tree) => tree,
        // Nothing can be read there; what stands in the way is told in place of the file that everything begins with.
        Way::Blocked(entry) => return Ok(Folder::new([(Roots::FILE, entry)]).unwrap_or_default()),
        Way::Nothing => return Ok(Folder::default()),
    };
    let always = objects.folder(tree)?;
    let mut entries: BTreeMap<&str, TreeEntry> = always
        .iter()
        .filter(|(name, entry)| match entry.kind {
            EntryKind::Tree => Roots::FOLDERS.contains(name),
            EntryKind::Link | EntryKind::Commit => *name == Roots::FILE || Roots::FOLDERS.contains(name),
            EntryKind::Blob | EntryKind::BlobExecutable => *name == Roots::FILE,
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
        Way::Folder(tree) => Ok(find(objects, tree, path.as_str())?.and_then(entry)),
        Way::Blocked(_) | Way::Nothing => Ok(None),
    }
}

/// A file, link or submodule; folders are none.
pub(super) fn entry(entry: TreeEntry) -> Option<Entry> {
    let blob = BlobId(sha1(&entry.id));
    match entry.kind {
        EntryKind::Blob | EntryKind::BlobExecutable => Some(Entry::File(blob)),
        EntryKind::Link => Some(Entry::Symlink(blob)),
        EntryKind::Commit => Some(Entry::Submodule(blob)),
        EntryKind::Tree => None,
    }
}

/// Where segments of a path lead.
enum Way {
    Folder(ObjectId),
    /// To a link, which is not followed, or a submodule, whose files are not part of the commit.
    Blocked(TreeEntry),
    Nothing,
}

fn descend<'a>(
    objects: &Objects<'_>,
    mut tree: ObjectId,
    segments: impl Iterator<Item = &'a str>,
) -> Result<Way, SourceError> {
    for segment in segments {
        match objects.folder(tree)?.get(segment) {
            Some(entry) if entry.kind == EntryKind::Tree => tree = entry.id,
            Some(entry) if matches!(entry.kind, EntryKind::Link | EntryKind::Commit) => return Ok(Way::Blocked(entry)),
            _ => return Ok(Way::Nothing),
        }
    }
    Ok(Way::Folder(tree))
}

/// What stands at a path, or in the way to it.
fn find(objects: &Objects<'_>, tree: ObjectId, path: &str) -> Result<Option<TreeEntry>, SourceError> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let segments = folders.split('/').filter(|segment| !segment.is_empty());
    match descend(objects, tree, segments)? {
        Way::Folder(tree) => Ok(objects.folder(tree)?.get(name)),
        Way::Blocked(entry) => Ok(Some(entry)),
        Way::Nothing => Ok(None),
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
    let size = objects.size(id, Kind::Blob)?;
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
