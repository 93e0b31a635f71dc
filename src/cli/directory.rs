//! A directory on disk, read as if it were a commit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::desired;
use crate::model::{CommitId, Excess, Limits, Reads, RepoPath, Roots, Taken, Tree, TreeFile, is_within};
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
    reading.part(Roots::FILE)?;
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
    /// What each part of what was read takes.
    taken: BTreeMap<String, Taken>,
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
            taken: BTreeMap::new(),
        })
    }

    /// Everything that the landfall.toml which was read asks for, as far as the limits allow: as a commit is read.
    fn tree(mut self) -> Result<Tree, DirectoryError> {
        let roots = self
            .files
            .get(&RepoPath::from(Roots::FILE))
            .map(desired::roots)
            .unwrap_or_default();
        for folder in ["keys", "trust"] {
            self.part(folder)?;
        }
        let projects = ["promotions"].into_iter().chain(roots.named().map(RepoPath::as_str));
        for folder in projects {
            for part in self.parts_of(folder)? {
                self.part(&part)?;
            }
        }
        let parts = self.taken.iter().map(|(path, taken)| (&**path, *taken));
        for (path, excess) in self.limits.exceeded_together(parts) {
            self.files.retain(|file, _| !is_within(file.as_str(), path));
            self.files.insert(RepoPath::from(path), excess.file());
        }
        Ok(Tree {
            commit: CommitId([0; 20]),
            files: self.files,
        })
    }

    /// What stands in a folder of projects; where it is no folder, that itself.
    fn parts_of(&self, name: &str) -> Result<Vec<String>, DirectoryError> {
        match self.kind(name)? {
            Kind::Missing => Ok(Vec::new()),
            Kind::Folder => self.children(name),
            _ => Ok(vec![name.to_owned()]),
        }
    }

    /// Reads a part of the repository: a file, or a folder and all below it.
    fn part(&mut self, part: &str) -> Result<(), DirectoryError> {
        let reads = Reads::at(part);
        let mut taken = Taken::default();
        let mut files = BTreeMap::new();
        let mut pending = vec![(part.to_owned(), 0)];
        while let Some((name, depth)) = pending.pop() {
            taken.files += 1;
            let last = name.rsplit('/').next().unwrap_or_default();
            let file = match self.kind(&name)? {
                Kind::Missing => continue,
                Kind::Folder => {
                    let children = self.children(&name)?;
                    pending.extend(children.into_iter().map(|child| (child, depth + 1)));
                    None
                }
                Kind::Link => Some(TreeFile::Symlink),
                Kind::Repository => Some(TreeFile::Submodule),
                Kind::File if reads.hold(last) => {
                    let path = self.directory.join(&name);
                    let file =
                        read_file(&path, &self.limits).map_err(|source| DirectoryError::Read { path, source })?;
                    if let TreeFile::Regular { bytes, .. } = &file {
                        taken.bytes += bytes.len() as u64;
                    }
                    Some(file)
                }
                Kind::File => Some(TreeFile::Other),
            };
            let too_deep = (depth > self.limits.tree_depth).then_some(Excess {
                limit: self.limits.tree_depth as u64,
                what: Excess::LEVELS,
            });
            if let Some(excess) = self.limits.exceeded_by(taken).or(too_deep) {
                self.files.insert(RepoPath::from(part), excess.file());
                return Ok(());
            }
            files.extend(file.map(|file| (RepoPath::from(name.as_str()), file)));
        }
        self.files.extend(files);
        self.taken.insert(part.to_owned(), taken);
        Ok(())
    }

    /// What stands at a path. What is reached through a link is not there.
    fn kind(&self, name: &str) -> Result<Kind, DirectoryError> {
        for folder in name.match_indices('/').map(|(slash, _)| &name[..slash]) {
            match fs::symlink_metadata(self.directory.join(folder)) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Ok(Kind::Missing),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kind::Missing),
                Err(source) => {
                    let path = self.directory.join(folder);
                    return Err(DirectoryError::Read { path, source });
                }
            }
        }
        let path = self.directory.join(name);
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kind::Missing),
            Err(source) => return Err(DirectoryError::Read { path, source }),
        };
        if kind.is_symlink() {
            Ok(Kind::Link)
        } else if kind.is_file() {
            Ok(Kind::File)
        } else if !kind.is_dir() {
            Err(DirectoryError::Special { path })
        } else if path.join(".git").exists() {
            Ok(Kind::Repository)
        } else {
            Ok(Kind::Folder)
        }
    }

    fn children(&self, name: &str) -> Result<Vec<String>, DirectoryError> {
        let path = self.directory.join(name);
        let read = |source| DirectoryError::Read {
            path: path.clone(),
            source,
        };
        let mut children = Vec::new();
        for entry in fs::read_dir(&path).map_err(read)? {
            let entry = entry.map_err(read)?;
            let child = entry
                .file_name()
                .into_string()
                .map_err(|_| DirectoryError::Name { path: entry.path() })?;
            children.push(format!("{name}/{child}"));
            if children.len() > self.limits.tree_files {
                return Err(DirectoryError::TooMany {
                    path,
                    limit: self.limits.tree_files,
                });
            }
        }
        Ok(children)
    }
}

enum Kind {
    Missing,
    File,
    Link,
    Folder,
    /// A folder with a repository of its own: its files are not part of this one.
    Repository,
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
