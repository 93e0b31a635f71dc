//! The parts of a commit that limits hold for, each by itself: a project's folder, `keys`, `trust`, `landfall.toml`.
//!
//! One project's folder with too much in it holds up neither the other projects nor the commits around it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use super::folder::{Folder, TreeEntry};
use super::object::{Objects, sha1};
use super::tree::Contents;
use super::{SourceError, changes};
use crate::model::{BlobId, Excess, Limits, Reads, Roots, Taken};

/// What a folder holds, all levels together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Files and folders.
    files: u64,
    /// Of manifests.
    bytes: u64,
    /// Levels of folders.
    height: usize,
}

impl Size {
    fn taken(self) -> Taken {
        Taken {
            files: self.files,
            bytes: self.bytes,
        }
    }
}

/// A folder whose listing alone is too long to be read.
pub(super) const LISTING: Excess = Excess {
    limit: super::object::LARGEST_FOLDER,
    what: "bytes of names",
};

/// A part of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// `None` where nothing stands there but what is too much to be looked at.
    pub entry: Option<TreeEntry>,
    pub size: Result<Size, Excess>,
}

impl Section {
    /// What stands in a folder whose listing is too long.
    pub const UNREADABLE: Self = Self {
        entry: None,
        size: Err(LISTING),
    };
}

pub(super) type Sections = BTreeMap<String, Section>;

/// How folders are read.
pub(super) type ReadFolder<'r> = dyn FnMut(ObjectId) -> Result<Rc<Folder>, SourceError> + 'r;

/// Measures folders, each once: a tree that holds the same folder thousands of times costs no more than one.
pub(super) struct Measure<'a> {
    objects: &'a Objects<'a>,
    limits: &'a Limits,
    /// Contents that are there already.
    contents: Option<&'a Contents>,
    blobs: HashMap<ObjectId, u64>,
    folders: HashMap<(ObjectId, Reads), Size>,
}

impl<'a> Measure<'a> {
    pub fn new(objects: &'a Objects<'a>, limits: &'a Limits) -> Self {
        Self {
            objects,
            limits,
            contents: None,
            blobs: HashMap::new(),
            folders: HashMap::new(),
        }
    }

    /// The same, with contents whose sizes need not be asked for.
    pub fn knowing(self, contents: &'a Contents) -> Self {
        Self {
            contents: Some(contents),
            ..self
        }
    }

    /// What stands at `path` of a commit.
    pub fn section(&mut self, path: &str, entry: TreeEntry, read: &mut ReadFolder<'_>) -> Result<Section, SourceError> {
        let manifests = Reads::at(path);
        let size = match entry.kind {
            EntryKind::Tree => self.folder(entry.id, manifests, 1, read)?,
            EntryKind::Blob | EntryKind::BlobExecutable => {
                let name = path.rsplit('/').next().unwrap_or_default();
                self.file(entry.id, manifests.hold(name)).map(Ok)?
            }
            EntryKind::Link | EntryKind::Commit => Ok(Size::default()),
        };
        Ok(Section {
            entry: Some(entry),
            size,
        })
    }

    fn file(&mut self, id: ObjectId, is_manifest: bool) -> Result<Size, SourceError> {
        let bytes = match self.blobs.get(&id) {
            _ if !is_manifest => 0,
            Some(known) => *known,
            None => {
                let known = self.contents.and_then(|contents| contents.get(&BlobId(sha1(&id))));
                let size = match known {
                    Some(bytes) => bytes.len() as u64,
                    None => self.objects.size(id, Kind::Blob)?,
                };
                // One that is too large is not read, and costs nothing.
                let counted = if size > self.limits.manifest_file as u64 {
                    0
                } else {
                    size
                };
                self.blobs.insert(id, counted);
                counted
            }
        };
        Ok(Size {
            files: 1,
            bytes,
            height: 0,
        })
    }

    fn folder(
        &mut self,
        id: ObjectId,
        manifests: Reads,
        depth: usize,
        read: &mut ReadFolder<'_>,
    ) -> Result<Result<Size, Excess>, SourceError> {
        let levels = Excess {
            limit: self.limits.tree_depth as u64,
            what: Excess::LEVELS,
        };
        if depth > self.limits.tree_depth {
            return Ok(Err(levels));
        }
        if let Some(known) = self.folders.get(&(id, manifests)) {
            let fits = known.height + depth <= self.limits.tree_depth + 1;
            return Ok(if fits { Ok(*known) } else { Err(levels) });
        }
        let folder = match read(id) {
            Err(SourceError::TooLarge { .. }) => return Ok(Err(LISTING)),
            folder => folder?,
        };
        let mut size = Size {
            files: 1,
            bytes: 0,
            height: 1,
        };
        for (name, entry) in folder.iter() {
            let child = match entry.kind {
                EntryKind::Tree => match self.folder(entry.id, manifests, depth + 1, read)? {
                    Ok(size) => size,
                    excess => return Ok(excess),
                },
                EntryKind::Blob | EntryKind::BlobExecutable => self.file(entry.id, manifests.hold(name))?,
                EntryKind::Link | EntryKind::Commit => Size {
                    files: 1,
                    ..Size::default()
                },
            };
            size.files = size.files.saturating_add(child.files);
            size.bytes = size.bytes.saturating_add(child.bytes);
            size.height = size.height.max(child.height + 1);
            // At once, so that a folder that unfolds without end is left soon.
            if let Some(excess) = self.limits.exceeded_by(size.taken()) {
                return Ok(Err(excess));
            }
        }
        self.folders.insert((id, manifests), size);
        Ok(Ok(size))
    }
}

/// What stands at a section before and after a commit.
pub(super) type Sides = [Option<Section>; 2];

/// Where two commits' sections differ, by what [`super::tree::top`] found in each of them.
pub(super) fn differing(
    before: &Folder,
    after: &Folder,
    measure: &mut Measure<'_>,
    read: &mut ReadFolder<'_>,
) -> Result<BTreeMap<String, Sides>, SourceError> {
    let mut found = BTreeMap::new();
    for (name, before, after) in before.differences(after) {
        if name == Roots::FILE || matches!(name, "keys" | "trust") {
            found.insert(name.to_owned(), sides(name, before, after, measure, read)?);
            continue;
        }
        let (before, itself_before) = projects(before, read)?;
        let (after, itself_after) = projects(after, read)?;
        if itself_before != itself_after {
            found.insert(name.to_owned(), [itself_before, itself_after]);
        }
        for (project, before, after) in before.differences(&after) {
            let path = format!("{name}/{project}");
            let sides = sides(&path, before, after, measure, read)?;
            found.insert(path, sides);
        }
    }
    Ok(found)
}

fn sides(
    path: &str,
    before: Option<TreeEntry>,
    after: Option<TreeEntry>,
    measure: &mut Measure<'_>,
    read: &mut ReadFolder<'_>,
) -> Result<Sides, SourceError> {
    let mut side = |entry: Option<TreeEntry>| entry.map(|entry| measure.section(path, entry, read)).transpose();
    Ok([side(before)?, side(after)?])
}

/// The folder of projects at an entry; where it is none that can be read, what stands there itself.
fn projects(entry: Option<TreeEntry>, read: &mut ReadFolder<'_>) -> Result<(Rc<Folder>, Option<Section>), SourceError> {
    let nothing = Rc::<Folder>::default;
    let Some(entry) = entry else {
        return Ok((nothing(), None));
    };
    if entry.kind != EntryKind::Tree {
        let itself = Section {
            entry: Some(entry),
            size: Ok(Size::default()),
        };
        return Ok((nothing(), Some(itself)));
    }
    match read(entry.id) {
        Err(SourceError::TooLarge { .. }) => Ok((nothing(), Some(Section::UNREADABLE))),
        folder => Ok((folder?, None)),
    }
}

/// The sections that are not read, and why: those that exceed the limits themselves; and where all of them together
/// do, the largest ones, until the others fit.
pub(super) fn refused(sections: &Sections, limits: &Limits) -> Refused {
    let fitting = sections
        .iter()
        .filter_map(|(path, section)| Some((&**path, section.size.ok()?.taken())));
    let together = limits.exceeded_together(fitting);
    let alone = sections
        .iter()
        .filter_map(|(path, section)| Some((&**path, section.size.err()?)));
    let refused = alone.chain(together);
    refused.map(|(path, excess)| (path.to_owned(), excess)).collect()
}

/// The files by which two states of a section differ.
pub(super) fn changes(
    path: &str,
    before: Option<TreeEntry>,
    after: Option<TreeEntry>,
    read: &mut ReadFolder<'_>,
) -> Result<Vec<super::Change>, SourceError> {
    let side = |entry: Option<TreeEntry>| -> Rc<Folder> {
        let folder = Folder::new(entry.map(|entry| (path, entry)));
        // One name cannot stand twice.
        Rc::new(folder.unwrap_or_default())
    };
    changes::between_folders(side(before), side(after), read)
}

/// Whether neither side exceeds a limit by itself, so that what differs can be enumerated.
pub(super) fn fit(sides: &Sides) -> bool {
    sides.iter().flatten().all(|section| section.size.is_ok())
}

/// What is refused, by path.
pub(super) type Refused = BTreeMap<String, Excess>;

/// The sections of which more or less is refused than before.
pub(super) fn unlike(one: &Refused, other: &Refused) -> BTreeSet<String> {
    let paths = one.keys().chain(other.keys());
    paths
        .filter(|path| one.get(*path) != other.get(*path))
        .cloned()
        .collect()
}
