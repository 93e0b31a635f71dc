//! Where the manifests lie: in a work tree, in a bare repository, or in no repository at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{IntoDiagnostic as _, miette};

use crate::cli::directory::tree_from_directory;
use crate::cli::{ExitCode, WithExitCode as _};
use crate::desired::{self, code};
use crate::model::{CommitId, Diagnostic, RepoPath, Roots, Severity, Tree};
use crate::reconcile::read_tree;
use crate::source::{GitRepository, Options, Remark, Repository, SubPath};

/// A directory, and the repository that it lies in.
pub(super) struct Place {
    pub directory: PathBuf,
    /// `None` where there is none.
    pub repository: Option<Arc<GitRepository>>,
    /// The directory's files are there to look at, not only the repository's objects.
    pub is_checkout: bool,
}

/// What is judged, and what a commit of it would not hold.
pub(super) struct Judged {
    pub tree: Tree,
    pub remarks: Vec<Diagnostic>,
    /// Files that differ from the commit that the work tree stands on.
    pub uncommitted: usize,
}

/// # Errors
/// Where the directory cannot be read, or what seems to be a repository is none that is read.
pub(super) fn open(directory: &Path) -> miette::Result<Place> {
    let absolute = fs::canonicalize(directory)
        .into_diagnostic()
        .map_err(|error| error.wrap_err(format!("cannot read {}", directory.display())))
        .with_exit_code(ExitCode::Invalid)?;
    let root = absolute.ancestors().find(|above| above.join(".git").exists());
    let is_bare = absolute.join("HEAD").is_file() && absolute.join("objects").is_dir();
    let is_checkout = root.is_some();
    let found = match root {
        Some(root) => Some((root.to_owned(), below(&absolute, root)?)),
        None => is_bare.then(|| (absolute.clone(), SubPath::default())),
    };
    let (location, folder) = match found {
        Some(found) => found,
        None => {
            return Ok(Place {
                directory: absolute,
                repository: None,
                is_checkout: true,
            });
        }
    };
    let options = Options {
        folder,
        ..Options::default()
    };
    let repository = GitRepository::open(&location, options)
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)?;
    Ok(Place {
        directory: absolute,
        repository: Some(Arc::new(repository)),
        is_checkout,
    })
}

/// A repository elsewhere, of which commits are read.
///
/// # Errors
/// Where nothing of it is here.
pub(super) fn elsewhere(source: &Repository) -> miette::Result<Place> {
    let repository = source.here().into_diagnostic()?;
    Ok(Place {
        directory: repository.path().to_owned(),
        repository: Some(repository),
        is_checkout: false,
    })
}

fn below(directory: &Path, root: &Path) -> miette::Result<SubPath> {
    let path: PathBuf = directory.strip_prefix(root).into_diagnostic()?.to_owned();
    let segments: Option<Vec<&str>> = path.iter().map(|segment| segment.to_str()).collect();
    let segments = segments.ok_or_else(|| miette!("the name of {} is not UTF-8", directory.display()))?;
    SubPath::parse(&segments.join("/")).into_diagnostic()
}

/// The files of a work tree, as a commit of them on top of `head` would hold them.
///
/// # Errors
/// Where a file or the index cannot be read.
pub(super) fn work_tree(
    directory: &Path,
    repository: &GitRepository,
    head: Option<CommitId>,
) -> miette::Result<Judged> {
    let tree = tree_from_directory(directory)
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)?;
    let roots = tree
        .files
        .get(&RepoPath::from(Roots::FILE))
        .map(desired::roots)
        .unwrap_or_default();
    let (tree, remarks) = repository.as_committed(tree, &roots).into_diagnostic()?;
    repository.remember(&tree);
    let uncommitted = match head {
        None => tree.files.len(),
        Some(head) => {
            let committed = read_tree(repository, head).into_diagnostic()?;
            let changed = tree
                .files
                .iter()
                .filter(|(path, file)| committed.files.get(*path) != Some(*file));
            let gone = committed.files.keys().filter(|path| !tree.files.contains_key(*path));
            changed.count() + gone.count()
        }
    };
    Ok(Judged {
        tree,
        remarks: remarks.into_iter().map(told).collect(),
        uncommitted,
    })
}

fn told(remark: Remark) -> Diagnostic {
    let (file, code, message, help) = match remark {
        Remark::Ignored(path) => (
            path,
            code::IGNORED_FILE,
            "is ignored by Git: no commit will hold it, and nothing of it is promoted".to_owned(),
            "`git check-ignore -v FILE` names the line that ignores it; `git add --force FILE` commits it all the same",
        ),
        Remark::Filtered { path, filter } => (
            path,
            code::FILTERED_FILE,
            format!(
                "passes Git's filter `{filter}` when it is committed: it is judged as it lies on disk, which a commit may not hold"
            ),
            "manifests are committed as they are: take the file out of the filter in .gitattributes",
        ),
    };
    Diagnostic {
        file,
        line: 1,
        column: 1,
        length: 1,
        severity: Severity::Warning,
        code,
        message,
        help: Some(help.to_owned()),
    }
}
