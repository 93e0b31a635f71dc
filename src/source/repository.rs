//! A Git repository on this machine, opened with gix; Git itself is not run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gix::bstr::{BStr, ByteSlice};
use gix::objs::CommitRefIter;
use jiff::Timestamp;

use super::object::{Objects, object_id, reason, sha1};
use super::replay::{self, Reading};
use super::tree::{self, Contents};
use super::{Change, CommitInfo, Entry, Location, Source, SourceError, SubPath, Visitor, changes};
use crate::model::{CommitId, Limits, RepoPath, Roots, Tree, TreeFile, nearest};

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
    repository: gix::ThreadSafeRepository,
    path: PathBuf,
    options: Options,
    /// The contents of the tree that was read last.
    contents: Mutex<Arc<Contents>>,
}

/// No object that landfall reads comes near this size; a delta's base may be larger than the object made from it.
const LARGEST_OBJECT: u64 = 256 << 20;

impl GitRepository {
    /// # Errors
    /// [`SourceError::NotARepository`], also for repositories in a format that this version does not read.
    pub fn open(location: &Location, options: Options) -> Result<Self, SourceError> {
        let path = location.path().to_owned();
        // Isolated: neither the environment nor the user's configuration may say what a commit holds. Replacement
        // objects would let one commit id stand for another's content.
        let repository = gix::open::Options::isolated()
            .config_overrides([
                "core.useReplaceRefs=false".to_owned(),
                format!("gitoxide.objects.allocLimit={LARGEST_OBJECT}"),
            ])
            .open(&path)
            .map_err(|error| reason(&error))
            .and_then(in_a_known_format)
            .map_err(|reason| SourceError::NotARepository {
                repository: path.clone(),
                reason,
            })?;
        Ok(Self {
            repository,
            path,
            options,
            contents: Mutex::default(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that holds `HEAD`.
    pub(super) fn git_dir(&self) -> PathBuf {
        self.repository.to_thread_local().git_dir().to_owned()
    }

    /// The folder that holds `refs/`: another one than [`Self::git_dir`] in a linked work tree.
    pub(super) fn common_dir(&self) -> PathBuf {
        self.repository.to_thread_local().common_dir().to_owned()
    }

    fn with_objects<T>(&self, work: impl FnOnce(&Objects<'_>) -> Result<T, SourceError>) -> Result<T, SourceError> {
        let repository = self.repository.to_thread_local();
        work(&Objects {
            repository: &repository,
            path: &self.path,
        })
    }

    fn failed(&self, doing: impl Into<String>, error: &gix::Error) -> SourceError {
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
        let commits = self.with_objects(replay::shallow_commits)?;
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

    /// The branch's tip, unpeeled, and `None` where there is no such branch.
    fn branch_tip(&self, repository: &gix::Repository, branch: &str) -> Result<Option<CommitId>, SourceError> {
        let doing = || format!("cannot read branch `{branch}`");
        let Some(mut reference) = repository
            .try_find_reference(&format!("refs/heads/{branch}"))
            .map_err(|error| self.failed(doing(), &error))?
        else {
            return Ok(None);
        };
        let id = reference.peel_to_id().map_err(|error| self.failed(doing(), &error))?;
        Ok(Some(CommitId(sha1(&id))))
    }

    fn no_such_branch(&self, repository: &gix::Repository, branch: &str) -> SourceError {
        if let Ok(head) = repository.head()
            && head.is_unborn()
            && head.referent_name().is_some_and(|name| name.shorten() == branch)
        {
            return SourceError::Unborn {
                repository: self.path.clone(),
                branch: branch.to_owned(),
            };
        }
        SourceError::NoSuchBranch {
            repository: self.path.clone(),
            branch: branch.to_owned(),
            hint: branch_hint(repository, branch),
        }
    }
}

/// gix opens repositories whose references it then does not find.
fn in_a_known_format(repository: gix::ThreadSafeRepository) -> Result<gix::ThreadSafeRepository, String> {
    let local = repository.to_thread_local();
    if local.object_hash() != gix::hash::Kind::Sha1 {
        return Err(format!("its objects are named by {}, not SHA-1", local.object_hash()));
    }
    match local.config_snapshot().string("extensions.refStorage") {
        Some(storage) if storage != "files" => Err(format!(
            "its references are stored as `{storage}`; `git refs migrate --ref-format=files` changes that"
        )),
        _ => Ok(repository),
    }
}

/// What to say about a branch that is not there. Best effort: it only adds to an error that stands already.
fn branch_hint(repository: &gix::Repository, branch: &str) -> Option<String> {
    let references = repository.references().ok()?;
    let names = |prefix: &str| -> Vec<String> {
        let found = references.prefixed(prefix).map(|found| {
            found
                .filter_map(Result::ok)
                .filter_map(|reference| {
                    Some(
                        reference
                            .name()
                            .as_bstr()
                            .to_str()
                            .ok()?
                            .strip_prefix(prefix)?
                            .to_owned(),
                    )
                })
                .collect()
        });
        found.unwrap_or_default()
    };
    let tracked = names("refs/remotes/")
        .into_iter()
        .find(|name| name.split_once('/').is_some_and(|(_, rest)| rest == branch));
    if let Some(tracked) = tracked {
        return Some(format!(
            ": `{tracked}` is only the copy of a remote's branch; make it with `git branch {branch} {tracked}`"
        ));
    }
    let local = names("refs/heads/");
    if let Some(near) = nearest(branch, local.iter().map(String::as_str)) {
        return Some(format!("; did you mean `{near}`?"));
    }
    (!local.is_empty()).then(|| format!("; there are {}", shown(&local)))
}

fn shown(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut text = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

impl Source for GitRepository {
    fn branch(&self) -> Result<String, SourceError> {
        if let Some(branch) = &self.options.branch {
            return Ok(branch.clone());
        }
        let name = self
            .repository
            .to_thread_local()
            .head_name()
            .map_err(|error| self.failed("cannot read HEAD", &error))?;
        Ok(name.map_or_else(|| "HEAD".to_owned(), |name| name.shorten().to_string()))
    }

    fn head(&self) -> Result<CommitId, SourceError> {
        let repository = self.repository.to_thread_local();
        if let Some(branch) = &self.options.branch {
            let tip = self.branch_tip(&repository, branch)?;
            return tip.ok_or_else(|| self.no_such_branch(&repository, branch));
        }
        let failed = |error: gix::Error| self.failed("cannot read HEAD", &error);
        let head = repository.head().map_err(failed)?;
        if head.is_unborn() {
            return Err(SourceError::Unborn {
                repository: self.path.clone(),
                branch: head
                    .referent_name()
                    .map_or_else(|| "HEAD".to_owned(), |name| name.shorten().to_string()),
            });
        }
        Ok(CommitId(sha1(&head.into_peeled_id().map_err(failed)?)))
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
        self.with_objects(|objects| {
            let bytes = objects.commit(id)?;
            let corrupt = |what: String| objects.corrupt(&object_id(id.0), what);
            let commit = gix::objs::CommitRef::from_bytes(&bytes, gix::hash::Kind::Sha1)
                .map_err(|error| corrupt(reason(&error)))?;
            let author = commit.author().map_err(|error| corrupt(reason(&error)))?.trim();
            let seconds = commit
                .committer()
                .and_then(|committer| committer.time())
                .map_err(|error| corrupt(reason(&error)))?
                .seconds;
            let time = Timestamp::from_second(seconds).map_err(|error| corrupt(error.to_string()))?;
            let (name, mail) = (printable(author.name), printable(author.email));
            Ok(CommitInfo {
                id,
                author: if mail.is_empty() {
                    name
                } else {
                    format!("{name} <{mail}>")
                },
                time,
                summary: printable(&commit.message().summary()),
            })
        })
    }

    fn first_parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
        self.with_objects(|objects| {
            let bytes = objects.commit(of)?;
            let Some(parent) = CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1)
                .parent_ids()
                .next()
            else {
                return Ok(None);
            };
            let boundary = objects
                .repository
                .shallow_commits()
                .map_err(|error| self.failed("cannot read the list of shallow commits", &error))?;
            if boundary.is_some_and(|commits| commits.contains(&object_id(of.0))) {
                return Err(SourceError::Shallow {
                    repository: self.path.clone(),
                    commit: of,
                });
            }
            Ok(Some(CommitId(sha1(&parent))))
        })
    }

    fn entry(&self, at: CommitId, path: &RepoPath) -> Result<Option<Entry>, SourceError> {
        self.with_objects(|objects| tree::entry_at(objects, &self.options.folder, at, path))
    }

    fn tree(&self, at: CommitId, roots: &Roots) -> Result<Tree, SourceError> {
        let known = self.contents.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tree = self.with_objects(|objects| {
            tree::read(objects, &self.options.limits, &self.options.folder, roots, at, &known)
        })?;
        let contents = tree.files.values().filter_map(|file| match file {
            TreeFile::Regular { blob, bytes } => Some((*blob, bytes.clone())),
            TreeFile::Symlink | TreeFile::TooLarge { .. } => None,
        });
        *self.contents.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(contents.collect());
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
            };
            replay::replay(&reading, head, until, visit)
        })
    }

    fn read(&self, entry: Entry) -> Result<TreeFile, SourceError> {
        match entry {
            Entry::Symlink(_) => Ok(TreeFile::Symlink),
            Entry::File(blob) => {
                self.with_objects(|objects| tree::content(objects, &self.options.limits, blob, &Contents::new()))
            }
        }
    }
}

/// Names and messages come from whoever made the commit, and end up on terminals and in logs.
fn printable(text: &BStr) -> String {
    text.to_str_lossy()
        .chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::author::{self, Layout, Parents};
    use crate::source::testing::History;
    use crate::source::{Relation, SourceError};

    fn on_branch(branch: &str) -> Options {
        Options {
            branch: Some(branch.to_owned()),
            ..Options::default()
        }
    }

    #[test]
    fn the_head_is_the_tip_of_the_branch_that_is_followed() {
        let history = History::new();
        let main = history.commit(&[("landfall.toml", "version = 1\n")]);
        let release = history.commit_on("release/1", Parents::Exactly(&[main]), &[("keys/a.pub", b"a")], &[]);
        assert_eq!(history.open().branch().unwrap(), "main");
        assert_eq!(history.open().head().unwrap(), main);
        assert_eq!(history.open_with(on_branch("release/1")).head().unwrap(), release);
    }

    #[test]
    fn a_commit_made_after_opening_is_seen() {
        let history = History::new();
        history.commit(&[("landfall.toml", "version = 1\n")]);
        let source = history.open();
        let head = history.commit(&[("landfall.toml", "version = 2\n")]);
        assert_eq!(source.head().unwrap(), head);
        assert_eq!(source.tree(head, &Roots::default()).unwrap().commit, head);
    }

    #[test]
    fn a_detached_head_is_followed_as_it_stands() {
        let history = History::new();
        let old = history.commit(&[("landfall.toml", "version = 1\n")]);
        history.commit(&[("landfall.toml", "version = 2\n")]);
        fs::write(history.path().join("HEAD"), format!("{old}\n")).unwrap();
        assert_eq!(history.open().branch().unwrap(), "HEAD");
        assert_eq!(history.open().head().unwrap(), old);
    }

    #[test]
    fn packed_references_count() {
        let history = History::new();
        let main = history.commit(&[("landfall.toml", "version = 1\n")]);
        fs::remove_file(history.path().join("refs/heads/main")).unwrap();
        fs::write(history.path().join("packed-refs"), format!("{main} refs/heads/main\n")).unwrap();
        assert_eq!(history.open().head().unwrap(), main);
    }

    #[test]
    fn a_branch_without_commits_is_told_from_one_that_does_not_exist() {
        let history = History::new();
        assert!(matches!(history.open().head(), Err(SourceError::Unborn { branch, .. }) if branch == "main"));
        assert!(matches!(
            history.open_with(on_branch("main")).head(),
            Err(SourceError::Unborn { .. })
        ));
        let tip = history.commit(&[("landfall.toml", "version = 1\n")]);
        let error = |branch: &str| history.open_with(on_branch(branch)).head().unwrap_err().to_string();
        assert!(
            error("mian").ends_with("there is no branch `mian`; did you mean `main`?"),
            "{}",
            error("mian")
        );
        assert!(error("production").ends_with("there is no branch `production`; there are `main`"));
        let remote = history.path().join("refs/remotes/origin");
        fs::create_dir_all(&remote).unwrap();
        fs::write(remote.join("production"), format!("{tip}\n")).unwrap();
        assert!(error("production").ends_with("make it with `git branch production origin/production`"));
    }

    #[test]
    fn a_folder_without_a_repository_says_what_is_expected() {
        let folder = tempfile::TempDir::new().unwrap();
        let open = |path: &Path| GitRepository::open(&Location::from(path.to_owned()), Options::default());
        for path in [folder.path().to_owned(), folder.path().join("missing")] {
            let error = open(&path).map(drop).unwrap_err();
            assert!(matches!(error, SourceError::NotARepository { .. }));
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn formats_that_this_version_does_not_read_are_refused_when_opening() {
        for (extension, named) in [
            ("objectformat = sha256", "sha256"),
            ("refstorage = reftable", "git refs migrate"),
        ] {
            let history = History::new();
            let config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\t";
            fs::write(history.path().join("config"), format!("{config}{extension}\n")).unwrap();
            let opened = GitRepository::open(&Location::from(history.path()), Options::default());
            let error = opened.map(drop).unwrap_err();
            assert!(matches!(error, SourceError::NotARepository { .. }));
            assert!(error.to_string().contains(named), "{error}");
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
    fn a_commit_tells_who_made_it_and_when() {
        let history = History::new();
        let head = history.commit(&[("landfall.toml", "version = 1\n")]);
        let info = history.open().commit(head).unwrap();
        assert_eq!(info.author, "A. Author <author@example.com>");
        assert_eq!(info.time.to_string(), "2026-01-01T00:01:00Z");
        assert_eq!(info.summary, "Change promotions");
    }

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}".into()), "a\u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn heads_stand_to_an_accepted_commit_along_first_parents() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1\n")]);
        let left = history.commit(&[("landfall.toml", "2\n")]);
        let right = history.commit_on("feature", Parents::Exactly(&[root]), &[("keys/a.pub", b"a")], &[]);
        let merge = history.commit_on("main", Parents::Exactly(&[left, right]), &[], &[]);
        let unrelated = history.commit_on("other", Parents::Exactly(&[]), &[("landfall.toml", b"3\n")], &[]);
        let source = history.open();
        let relation = |accepted, head| source.relation(accepted, head).unwrap();
        assert_eq!(relation(root, root), Relation::Same);
        assert_eq!(relation(root, merge), Relation::FastForward);
        assert_eq!(relation(left, merge), Relation::FastForward);
        assert_eq!(relation(merge, root), Relation::Behind);
        assert_eq!(relation(left, right), Relation::Diverged);
        // The feature's commits came in through the merge's second parent: nobody accepted the line they are on.
        assert_eq!(relation(right, merge), Relation::Diverged);
        assert_eq!(relation(unrelated, merge), Relation::Diverged);
        assert_eq!(relation(merge, unrelated), Relation::Diverged);
        let forgotten = CommitId([7; 20]);
        assert_eq!(relation(forgotten, merge), Relation::Diverged);
        assert_eq!(source.first_parents(merge, None).unwrap(), [merge, left, root]);
        assert_eq!(source.first_parents(merge, Some(root)).unwrap(), [merge, left]);
        assert_eq!(source.first_parents(merge, Some(merge)).unwrap(), []);
        assert_eq!(
            source.first_parents(merge, Some(right)),
            Err(SourceError::NotInHistory {
                from: merge,
                until: right
            })
        );
    }

    #[test]
    fn a_shallow_clone_is_an_error_only_where_its_history_is_needed() {
        let history = History::new();
        let first = history.commit(&[("landfall.toml", "1\n")]);
        let second = history.commit(&[("landfall.toml", "2\n")]);
        let third = history.commit(&[("landfall.toml", "3\n")]);
        fs::write(history.path().join("shallow"), format!("{second}\n")).unwrap();
        let source = history.open();
        assert_eq!(source.relation(second, third).unwrap(), Relation::FastForward);
        assert_eq!(source.first_parents(third, Some(second)).unwrap(), [third]);
        assert!(source.tree(second, &Roots::default()).is_ok());
        for error in [
            source.first_parents(third, None).map(drop).unwrap_err(),
            source.relation(first, third).map(drop).unwrap_err(),
            source.changes(second, &Roots::default()).map(drop).unwrap_err(),
        ] {
            assert!(matches!(&error, SourceError::Shallow { commit, .. } if *commit == second));
            assert!(error.to_string().contains("fetch-depth: 0"), "{error}");
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
    fn replacement_objects_replace_nothing() {
        let history = History::new();
        let first = history.commit(&[("landfall.toml", "1\n")]);
        let second = history.commit(&[("landfall.toml", "2\n")]);
        let replace = history.path().join("refs/replace");
        fs::create_dir_all(&replace).unwrap();
        fs::write(replace.join(second.to_string()), format!("{first}\n")).unwrap();
        assert_eq!(history.open().first_parent(second).unwrap(), Some(first));
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

    #[test]
    fn a_branch_can_be_taken_back_and_the_checkout_follows() {
        let history = History::with_layout(Layout::WorkTree);
        let first = history.commit(&[("landfall.toml", "1\n")]);
        history.commit(&[("landfall.toml", "2\n"), ("promotions/a/b.toml", "1\n")]);
        assert!(history.path().join("promotions/a/b.toml").exists());
        author::move_branch(&history.path(), "main", first).unwrap();
        assert_eq!(history.open().head().unwrap(), first);
        assert_eq!(fs::read(history.path().join("landfall.toml")).unwrap(), b"1\n");
        assert!(!history.path().join("promotions").exists());
    }
}
