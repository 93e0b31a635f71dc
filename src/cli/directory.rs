//! A directory on disk, read as if it were a commit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::desired;
use crate::model::{CommitId, Limits, RepoPath, Roots, Tree, TreeFile};
use crate::source::blob_id;

/// Why a directory cannot be read.
#[derive(Debug, Error)]
pub enum DirectoryError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is neither file, directory nor link", path.display())]
    Special { path: PathBuf },
    #[error("the name of {} is not UTF-8", path.display())]
    Name { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("below {} there are more than {limit} files", path.display())]
    TooMany { path: PathBuf, limit: usize },
}

/// Reads a desired-state repository as it stands on disk, without following links. Such a tree has no commit (all
/// zeros); its files have the ids that Git would give them.
///
/// # Errors
/// What cannot be read is an error, never an absence; only a missing file or directory is one.
pub fn tree_from_directory(directory: &Path) -> Result<Tree, DirectoryError> {
    let mut reading = Reading::new(directory)?;
    reading.below(Roots::FILE)?;
    reading.tree()
}

/// The same, with a landfall.toml that the directory does not hold.
///
/// # Errors
/// As those of [`tree_from_directory`].
pub fn tree_with_landfall(directory: &Path, landfall: &str) -> Result<Tree, DirectoryError> {
    let mut reading = Reading::new(directory)?;
    reading
        .files
        .insert(RepoPath::from(Roots::FILE), regular(landfall.as_bytes()));
    reading.tree()
}

struct Reading<'a> {
    directory: &'a Path,
    limits: Limits,
    files: BTreeMap<RepoPath, TreeFile>,
}

impl<'a> Reading<'a> {
    fn new(directory: &'a Path) -> Result<Self, DirectoryError> {
        let metadata = fs::metadata(directory).map_err(|source| DirectoryError::Read {
            path: directory.to_owned(),
            source,
        })?;
        if !metadata.is_dir() {
            return Err(DirectoryError::NotADirectory {
                path: directory.to_owned(),
            });
        }
        Ok(Self {
            directory,
            limits: Limits::default(),
            files: BTreeMap::new(),
        })
    }

    /// Everything that the landfall.toml which was read asks for.
    fn tree(mut self) -> Result<Tree, DirectoryError> {
        let roots = self
            .files
            .get(&RepoPath::from(Roots::FILE))
            .map(desired::roots)
            .unwrap_or_default();
        for folder in Roots::FOLDERS.into_iter().chain(roots.named().map(RepoPath::as_str)) {
            self.below(folder)?;
        }
        Ok(Tree {
            commit: CommitId([0; 20]),
            files: self.files,
        })
    }

    /// Reads a file, or a directory and all below it. What is reached through a link is not there.
    fn below(&mut self, name: &str) -> Result<(), DirectoryError> {
        for folder in name.match_indices('/').map(|(slash, _)| &name[..slash]) {
            let path = self.directory.join(folder);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(source) => return Err(DirectoryError::Read { path, source }),
            }
        }
        let mut pending = vec![name.to_owned()];
        while let Some(name) = pending.pop() {
            let path = self.directory.join(&name);
            let read = |source| DirectoryError::Read {
                path: path.clone(),
                source,
            };
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(read(error)),
            };
            let kind = metadata.file_type();
            if kind.is_symlink() {
                self.files.insert(RepoPath::from(name.as_str()), TreeFile::Symlink);
            } else if kind.is_file() {
                let file = read_file(&path, &self.limits).map_err(read)?;
                self.files.insert(RepoPath::from(name.as_str()), file);
            } else if kind.is_dir() {
                for entry in fs::read_dir(&path).map_err(read)? {
                    let entry = entry.map_err(read)?;
                    let below = entry
                        .file_name()
                        .into_string()
                        .map_err(|_| DirectoryError::Name { path: entry.path() })?;
                    pending.push(format!("{name}/{below}"));
                }
            } else {
                return Err(DirectoryError::Special { path });
            }
            if self.files.len() + pending.len() > self.limits.tree_files {
                return Err(DirectoryError::TooMany {
                    path: self.directory.to_owned(),
                    limit: self.limits.tree_files,
                });
            }
        }
        Ok(())
    }
}

fn read_file(path: &Path, limits: &Limits) -> io::Result<TreeFile> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    // Bounded while reading, too: a file can grow.
    let limit = limits.manifest_file as u64;
    let size = (&file).take(limit + 1).read_to_end(&mut bytes)? as u64;
    if size > limit {
        return Ok(TreeFile::TooLarge {
            bytes: file.metadata()?.len().max(size),
        });
    }
    Ok(regular(&bytes))
}

fn regular(bytes: &[u8]) -> TreeFile {
    match blob_id(bytes) {
        Some(blob) => TreeFile::Regular {
            blob,
            bytes: bytes.into(),
        },
        None => TreeFile::unstored(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_landfall_reads_is_read() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("promotions/a")).unwrap();
        fs::create_dir_all(directory.path().join("other")).unwrap();
        for name in ["landfall.toml", "promotions/a/b.toml", "other/c.toml", "README.md"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let tree = tree_from_directory(directory.path()).unwrap();
        let names: Vec<_> = tree.files.keys().map(RepoPath::as_str).collect();
        assert_eq!(names, ["landfall.toml", "promotions/a/b.toml"]);
    }

    #[test]
    fn files_have_the_ids_that_git_gives_them() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("landfall.toml"), "hello\n").unwrap();
        let tree = tree_from_directory(directory.path()).unwrap();
        let TreeFile::Regular { blob, .. } = &tree.files[&RepoPath::from("landfall.toml")] else {
            panic!("{tree:?}");
        };
        // `echo hello | git hash-object --stdin`
        assert_eq!(blob.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(matches!(
            tree_from_directory(&missing),
            Err(DirectoryError::Read { .. })
        ));
    }

    #[test]
    fn files_over_the_limit_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("landfall.toml")).unwrap();
        file.set_len(Limits::default().manifest_file as u64 + 1).unwrap();
        let tree = tree_from_directory(directory.path()).unwrap();
        assert!(matches!(
            tree.files[&RepoPath::from("landfall.toml")],
            TreeFile::TooLarge { .. }
        ));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.toml"), "a = 1").unwrap();
        std::os::unix::fs::symlink(outside.path(), directory.path().join("promotions")).unwrap();
        let tree = tree_from_directory(directory.path()).unwrap();
        assert_eq!(tree.files[&RepoPath::from("promotions")], TreeFile::Symlink);
        assert_eq!(tree.files.len(), 1);
    }
}
