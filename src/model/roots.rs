//! Which files of a desired-state repository landfall reads.

use std::collections::BTreeSet;

use super::{RepoPath, is_within};

/// What is read of a commit: `landfall.toml`, `keys/`, `trust/`, `promotions/`, and the folders that its landfall.toml
/// names besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots(BTreeSet<RepoPath>);

impl Roots {
    /// The file that everything begins with.
    pub const FILE: &str = "landfall.toml";
    /// The folders that are always read.
    pub const FOLDERS: [&str; 3] = ["keys", "promotions", "trust"];

    /// The folders that landfall.toml names.
    pub fn named(&self) -> impl Iterator<Item = &RepoPath> {
        self.0.iter()
    }

    #[must_use]
    pub fn reads(&self, path: &RepoPath) -> bool {
        path.as_str() == Self::FILE
            || Self::FOLDERS.iter().any(|folder| is_within(path.as_str(), folder))
            || self.0.iter().any(|folder| is_within(path.as_str(), folder.as_str()))
    }
}

/// Which files of a folder are read; of the others it only counts that they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reads {
    /// Keys.
    All,
    /// Those of ours.
    Toml,
    /// Those of kpromo's.
    Kpromo,
}

impl Reads {
    /// What is read at a path within [`Roots`].
    #[must_use]
    pub fn at(path: &str) -> Self {
        match path.split('/').next().unwrap_or_default() {
            "promotions" => Self::Toml,
            Roots::FILE | "keys" | "trust" => Self::All,
            _ => Self::Kpromo,
        }
    }

    /// The names of kpromo's files.
    pub const KPROMO: [&str; 2] = ["promoter-manifest.yaml", "images.yaml"];

    /// Whether a file of this name is read.
    #[must_use]
    pub fn hold(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Toml => name.ends_with(".toml"),
            Self::Kpromo => Self::KPROMO.contains(&name),
        }
    }
}

impl FromIterator<RepoPath> for Roots {
    fn from_iter<I: IntoIterator<Item = RepoPath>>(folders: I) -> Self {
        Self(folders.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_whole_path_segments() {
        let roots: Roots = [RepoPath::from("a/manifests")].into_iter().collect();
        for read in [
            "landfall.toml",
            "keys/a.pub",
            "promotions",
            "a/manifests",
            "a/manifests/b/c.yaml",
        ] {
            assert!(roots.reads(&read.into()), "{read}");
        }
        for other in ["a", "a/images/b", "a/manifests-old/b", "b/landfall.toml", "keys.md"] {
            assert!(!roots.reads(&other.into()), "{other}");
        }
    }
}
