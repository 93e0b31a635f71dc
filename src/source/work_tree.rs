//! A work tree's files, as a commit of all of them would hold them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use gix::attrs::StateRef;
use gix::bstr::{BStr, ByteSlice as _};
use gix::index::entry::Mode;
use gix::worktree::stack::state;

use super::object::sha1;
use super::{Entry, GitRepository, Source as _, SourceError};
use crate::model::{BlobId, Reads, RepoPath, Roots, Tree, TreeFile, is_within};

/// Why a commit would not hold a file as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Git leaves it out.
    Ignored(RepoPath),
    /// It passes a filter, which only Git runs: what will come out is not known.
    Filtered { path: RepoPath, filter: String },
}

impl GitRepository {
    /// Makes of files as they lie on disk below the configured folder what a commit would hold: submodules are no files,
    /// what Git ignores is left out, and what passed a filter when it was checked out is what the index has of it.
    ///
    /// # Errors
    /// Where the index or a file's content cannot be read. Nothing is changed where there is no work tree.
    pub fn as_committed(&self, mut tree: Tree, roots: &Roots) -> Result<(Tree, Vec<Remark>), SourceError> {
        let repository = self.repository.to_thread_local();
        let Some(root) = repository.workdir().map(ToOwned::to_owned) else {
            return Ok((tree, Vec::new()));
        };
        let failed = |error: gix::Error| self.failed("cannot read the index", &error);
        let index = repository.index_or_empty().map_err(failed)?;
        let prefix = match self.options.folder.as_str() {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        for entry in index.entries().iter().filter(|entry| entry.mode == Mode::COMMIT) {
            let path = entry.path(&index).to_str_lossy();
            if let Some(path) = path.strip_prefix(&*prefix) {
                put_submodule(&mut tree, path, roots);
            }
        }
        let mut stack = repository
            .attributes(
                &index,
                state::attributes::Source::WorktreeThenIdMapping,
                state::ignore::Source::WorktreeThenIdMappingIfNotSkipped,
                None,
            )
            .map_err(failed)?;
        let mut filter = stack.selected_attribute_matches(["filter"]);
        let mut remarks = Vec::new();
        let paths: Vec<RepoPath> = tree.files.keys().cloned().collect();
        for path in paths {
            let name = path.as_str().rsplit('/').next().unwrap_or_default();
            if !Reads::at(path.as_str()).hold(name) || !is_file(&tree, &path) {
                continue;
            }
            let whole = format!("{prefix}{path}");
            let tracked = index.entry_by_path(BStr::new(whole.as_bytes()));
            if let Some(entry) = tracked {
                if is_blob(&tree, &path, BlobId(sha1(&entry.id))) {
                    continue;
                }
                if is_unmodified(&entry.stat, &root.join(&whole), index.timestamp().unix_seconds()) {
                    let committed = self.read_at(&path, Entry::File(BlobId(sha1(&entry.id))))?;
                    tree.files.insert(path, committed);
                    continue;
                }
            }
            let platform = stack
                .at_path(&whole, Some(Mode::FILE))
                .map_err(|error| SourceError::Git {
                    repository: self.path.clone(),
                    doing: format!("cannot read what Git ignores at {whole}"),
                    reason: error.to_string(),
                })?;
            if tracked.is_none() && platform.is_excluded() {
                tree.files.remove(&path);
                remarks.push(Remark::Ignored(path));
                continue;
            }
            filter.reset();
            platform.matching_attributes(&mut filter);
            let named = filter.iter_selected().find_map(|found| match found.assignment.state {
                StateRef::Value(value) => Some(value.as_bstr().to_str_lossy().into_owned()),
                StateRef::Set | StateRef::Unset | StateRef::Unspecified => None,
            });
            remarks.extend(named.map(|filter| Remark::Filtered { path, filter }));
        }
        Ok((tree, remarks))
    }
}

/// Says that a submodule stands at a path, if something that is read does.
fn put_submodule(tree: &mut Tree, path: &str, roots: &Roots) {
    let read = || Roots::FOLDERS.into_iter().chain(roots.named().map(RepoPath::as_str));
    let places: Vec<&str> = read()
        .filter_map(|root| {
            if is_within(path, root) {
                Some(path)
            } else {
                is_within(root, path).then_some(root)
            }
        })
        .collect();
    for place in places {
        tree.files.retain(|file, _| !is_within(file.as_str(), place));
        tree.files.insert(RepoPath::from(place), TreeFile::Submodule);
    }
}

fn is_file(tree: &Tree, path: &RepoPath) -> bool {
    matches!(
        tree.files.get(path),
        Some(TreeFile::Regular { .. } | TreeFile::TooLarge { .. })
    )
}

fn is_blob(tree: &Tree, path: &RepoPath, id: BlobId) -> bool {
    matches!(tree.files.get(path), Some(TreeFile::Regular { blob, .. }) if *blob == id)
}

/// Whether Git takes a file for what the index has, without looking into it. A file as young as the index may have been
/// changed since.
fn is_unmodified(stat: &gix::index::entry::Stat, path: &std::path::Path, index_written: i64) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return false;
    };
    let nanoseconds = stat.mtime.nsecs == 0 || i64::from(stat.mtime.nsecs) == metadata.mtime_nsec();
    u64::from(stat.size) == metadata.len()
        && i64::from(stat.mtime.secs) == metadata.mtime()
        && nanoseconds
        && metadata.mtime() < index_written
}
