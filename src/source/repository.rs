//! A Git repository on this machine, opened with gix; Git itself is not run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gix::odb::pack::cache::lru::MemoryCappedHashmap;

use super::object::{Objects, object_id, reason, sha1};
use super::replay::{self, Reading, Stretch};
use super::tree::{self, Contents};
use super::{Change, CommitInfo, Entry, Source, SourceError, SubPath, Visitor, changes, commits, format};
use crate::model::{CommitId, Limits, RepoPath, Roots, Tree, TreeFile};

/// What of a repository is followed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Without one: the branch that `HEAD` points to.
    pub branch: Option<String>,
    /// The folder that holds `landfall.toml`.
    pub folder: SubPath,
    pub limits: Limits,
}

/// A repository, bare or with a work tree. Only commits count: the work tree and the index are not looked at.
pub struct GitRepository {
    pub(super) repository: gix::ThreadSafeRepository,
    pub(super) path: PathBuf,
    pub(super) options: Options,
    /// The contents of the tree that was read last.
    contents: Mutex<Arc<Contents>>,
}

/// No object that landfall reads comes near this size; a delta's base may be larger than the object made from it.
pub(super) const LARGEST_OBJECT: u64 = 64 << 20;

/// Packs that are open at once: a repository that nobody tidies up has hundreds, and gix finds nothing in those beyond.
const MOST_PACKS: u16 = 2_048;

/// Bytes of objects that are kept because others may be stored as differences from them: what changes little is stored
/// as long chains of differences.
const DELTA_BASES: usize = 64 << 20;

/// Neither the environment nor the user's configuration may say what a commit holds. Replacement objects would let one
/// commit id stand for another's content.
pub(super) fn isolated() -> gix::open::Options {
    gix::open::Options::isolated()
        .object_store_slots(gix::odb::store::init::Slots::Given(MOST_PACKS))
        .config_overrides([
            "core.useReplaceRefs=false".to_owned(),
            format!("gitoxide.objects.allocLimit={LARGEST_OBJECT}"),
        ])
}

impl GitRepository {
    /// # Errors
    /// [`SourceError::NotARepository`], also for repositories in a format that this version does not read.
    pub fn open(path: &Path, options: Options) -> Result<Self, SourceError> {
        Self::open_named(path, path.to_owned(), options)
    }

    /// The clone of a repository elsewhere, which errors name by its URL.
    pub(super) fn open_clone(clone: &Path, url: &str, options: Options) -> Result<Self, SourceError> {
        Self::open_named(clone, url.into(), options)
    }

    fn open_named(place: &Path, path: PathBuf, options: Options) -> Result<Self, SourceError> {
        let repository = isolated()
            .open(place)
            .map_err(|error| format::refusal(place, &reason(&error)))?;
        format::check(&path, &repository)?;
        Ok(Self {
            repository,
            path,
            options,
            contents: Mutex::default(),
        })
    }

    /// Where it is; for a clone, the URL of what it is a clone of.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that holds `HEAD`.
    pub(super) fn git_dir(&self) -> PathBuf {
        self.repository.to_thread_local().git_dir().to_owned()
    }

    /// The folder that holds `refs/` and `objects/`: `.git` itself, save in a linked work tree.
    #[must_use]
    pub fn common_dir(&self) -> PathBuf {
        self.repository.to_thread_local().common_dir().to_owned()
    }

    /// Files that the next tree shares with this one are not read again: those of the tree that was read last, or of a
    /// work tree.
    pub fn remember(&self, tree: &Tree) {
        let contents = tree.files.values().filter_map(|file| match file {
            TreeFile::Regular { blob, bytes } => Some((*blob, bytes.clone())),
            _ => None,
        });
        *self.contents.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(contents.collect());
    }

    pub(super) fn with_objects<T>(
        &self,
        work: impl FnOnce(&Objects<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let mut repository = self.repository.to_thread_local();
        repository
            .objects
            .set_pack_cache(|| Box::new(MemoryCappedHashmap::new(DELTA_BASES)));
        work(&Objects {
            repository: &repository,
            path: &self.path,
        })
    }

    pub(super) fn failed(&self, doing: impl Into<String>, error: &gix::Error) -> SourceError {
        SourceError::Git {
            repository: self.path.clone(),
            doing: doing.into(),
            reason: reason(error),
        }
    }

    /// The folder that holds `landfall.toml`.
    #[must_use]
    pub fn folder(&self) -> &SubPath {
        &self.options.folder
    }

    /// Refuses a shallow clone: what lies beyond its end can neither be compared with nor be told from what never was.
    ///
    /// # Errors
    /// [`SourceError::Shallow`].
    pub fn require_whole_history(&self) -> Result<(), SourceError> {
        let commits = self.with_objects(commits::shallow_commits)?;
        match commits.first() {
            None => Ok(()),
            Some(commit) => Err(SourceError::Shallow {
                repository: self.path.clone(),
                commit: *commit,
            }),
        }
    }

    /// The best common ancestor, as `git merge-base` finds it; `None` for histories that share nothing.
    ///
    /// # Errors
    /// Where a commit is missing or cannot be read.
    pub fn merge_base(&self, one: CommitId, other: CommitId) -> Result<Option<CommitId>, SourceError> {
        let repository = self.repository.to_thread_local();
        let found = repository
            .merge_base(object_id(one.0), object_id(other.0))
            .map_err(|error| self.failed(format!("cannot find where {one} and {other} part"), &error))?;
        Ok(found.map(|id| CommitId(sha1(&id))))
    }
}

impl Source for GitRepository {
    fn branch(&self) -> Result<String, SourceError> {
        self.followed_branch()
    }

    fn head(&self) -> Result<CommitId, SourceError> {
        self.tip()
    }

    fn resolve(&self, revision: &str) -> Result<CommitId, SourceError> {
        let repository = self.repository.to_thread_local();
        let bad = |reason: String| SourceError::NoSuchRevision {
            repository: self.path.clone(),
            revision: revision.to_owned(),
            reason,
        };
        let commit = repository
            .rev_parse_single(revision)
            .and_then(|id| id.object()?.peel_to_commit())
            .map_err(|error| {
                let shallow = repository.is_shallow().unwrap_or(false);
                let hint = if shallow { " (this is a shallow clone)" } else { "" };
                bad(reason(&error) + hint)
            })?;
        Ok(CommitId(sha1(&commit.id)))
    }

    fn commit(&self, id: CommitId) -> Result<CommitInfo, SourceError> {
        self.with_objects(|objects| commits::info(objects, id))
    }

    fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
        self.with_objects(|objects| commits::first_parent(objects, of))
    }

    fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError> {
        self.with_objects(|objects| tree::entry_at(objects, &self.options.folder, at, path))
    }

    fn tree(&self, at: CommitId, roots: &Roots) -> Result<Tree, SourceError> {
        let known = self.contents.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tree = self.with_objects(|objects| {
            tree::read(objects, &self.options.limits, &self.options.folder, roots, at, &known)
        })?;
        self.remember(&tree);
        Ok(tree)
    }

    fn changes(&self, of: CommitId, roots: &Roots) -> Result<Vec<Change>, SourceError> {
        let parent = self.first_parent(of)?;
        self.with_objects(|objects| {
            changes::between(objects, &self.options.limits, &self.options.folder, roots, parent, of)
        })
    }

    fn replay(
        &self,
        head: CommitId,
        until: Option<CommitId>,
        roots: &dyn Fn(&TreeFile) -> Roots,
        visit: &mut Visitor<'_>,
    ) -> Result<(), SourceError> {
        let Options { folder, limits, .. } = &self.options;
        self.with_objects(|objects| {
            let reading = Reading {
                objects,
                limits,
                folder,
                roots,
                stretch: Stretch::default(),
            };
            replay::replay(&reading, head, until, visit)
        })
    }

    fn read(&self, entry: Entry) -> Result<TreeFile, SourceError> {
        match entry {
            Entry::Symlink(_) => Ok(TreeFile::Symlink),
            Entry::Submodule(_) => Ok(TreeFile::Submodule),
            Entry::File(blob) => {
                self.with_objects(|objects| tree::content(objects, &self.options.limits, blob, &Contents::new()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::author::Layout;
    use crate::source::testing::History;

    #[test]
    fn a_folder_without_a_repository_says_what_is_expected() {
        let folder = tempfile::TempDir::new().unwrap();
        let open = |path: &Path| GitRepository::open(path, Options::default());
        for path in [folder.path().to_owned(), folder.path().join("missing")] {
            let error = open(&path).map(drop).unwrap_err();
            assert!(matches!(error, SourceError::NotARepository { .. }));
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn formats_that_this_version_does_not_read_are_refused_when_opening() {
        for (extension, named) in [
            ("objectformat = sha256", "named by SHA-256"),
            ("refstorage = reftable", "git refs migrate"),
        ] {
            let history = History::new();
            let config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\t";
            fs::write(history.path().join("config"), format!("{config}{extension}\n")).unwrap();
            let opened = GitRepository::open(&history.path(), Options::default());
            let error = opened.map(drop).unwrap_err();
            let is_told = matches!(
                error,
                SourceError::ObjectFormat { .. } | SourceError::ReferenceFormat { .. }
            );
            assert!(is_told && error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn revisions_are_read_as_git_reads_them() {
        let history = History::new();
        let first = history.commit(&[("landfall.toml", "version = 1\n")]);
        let second = history.commit(&[("landfall.toml", "version = 2\n")]);
        let source = history.open();
        for (revision, commit) in [
            ("HEAD", second),
            ("main", second),
            ("main~1", first),
            ("HEAD^", first),
            (first.to_string().as_str(), first),
            (&first.to_string()[..10], first),
        ] {
            assert_eq!(source.resolve(revision).unwrap(), commit, "{revision}");
        }
        for revision in ["HEAD~5", "nowhere", "", "main..HEAD", "HEAD:landfall.toml"] {
            let error = source.resolve(revision).unwrap_err();
            assert!(
                matches!(error, SourceError::NoSuchRevision { .. }),
                "{revision}: {error}"
            );
        }
    }

    #[test]
    fn a_commit_that_is_not_there_is_named() {
        let history = History::new();
        history.commit(&[("landfall.toml", "1\n")]);
        let source = history.open();
        let id = CommitId([7; 20]);
        for error in [
            source.tree(id, &Roots::default()).map(drop),
            source.commit(id).map(drop),
            source.changes(id, &Roots::default()).map(drop),
        ] {
            assert!(matches!(error, Err(SourceError::NoSuchCommit { commit, .. }) if commit == id));
        }
    }

    #[test]
    fn a_work_tree_is_not_looked_at() {
        let history = History::with_layout(Layout::WorkTree);
        let head = history.commit(&[("landfall.toml", "1\n")]);
        fs::write(history.path().join("landfall.toml"), "edited\n").unwrap();
        let tree = history.open().tree(head, &Roots::default()).unwrap();
        let file = &tree.files[&"landfall.toml".into()];
        assert!(matches!(file, TreeFile::Regular { bytes, .. } if &**bytes == b"1\n"));
        assert_eq!(history.open().path(), history.path());
    }

    #[test]
    fn the_configured_folder_is_the_root_of_what_is_read() {
        let history = History::new();
        let head = history.commit(&[("landfall.toml", "1\n"), ("registries/prod/landfall.toml", "2\n")]);
        let source = history.open_with(Options {
            folder: SubPath::parse("registries/prod").unwrap(),
            ..Options::default()
        });
        let tree = source.tree(head, &Roots::default()).unwrap();
        assert_eq!(
            tree.files.keys().map(ToString::to_string).collect::<Vec<_>>(),
            ["landfall.toml"]
        );
        assert_eq!(source.changes(head, &Roots::default()).unwrap().len(), 1);
        let elsewhere = history.open_with(Options {
            folder: SubPath::parse("nowhere").unwrap(),
            ..Options::default()
        });
        assert!(elsewhere.tree(head, &Roots::default()).unwrap().files.is_empty());
    }
}
