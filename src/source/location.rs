//! Where a repository is, as people write it.

use std::path::{Component, Path, PathBuf};

use super::SourceError;
use super::remote::{RemoteUrl, without_credentials};

/// A repository on this machine, or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Local(PathBuf),
    Remote(RemoteUrl),
}

impl Location {
    /// Reads a path or a URL; relative paths are taken from `base`.
    ///
    /// # Errors
    /// [`SourceError::Location`] for what is neither, or cannot be used.
    pub fn parse(text: &str, base: &Path) -> Result<Self, SourceError> {
        let bad = |reason: &str| SourceError::Location {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            if base.join(text).exists() {
                return Ok(Self::Local(base.join(text)));
            }
            let remote = RemoteUrl::parse(text)?;
            return Ok(remote.map_or_else(|| Self::Local(base.join(text)), Self::Remote));
        };
        if scheme.eq_ignore_ascii_case("file") {
            let url = url::Url::parse(text).map_err(|error| bad(&error.to_string()))?;
            let path = url
                .to_file_path()
                .map_err(|()| bad("a file URL must hold an absolute path of this machine: file:///path"))?;
            return Ok(Self::Local(path));
        }
        match RemoteUrl::parse(text)? {
            Some(url) => Ok(Self::Remote(url)),
            None => Err(SourceError::Location {
                text: without_credentials(text),
                reason: "expected a path, or a URL that begins with https://, ssh:// or file://".to_owned(),
            }),
        }
    }

    /// Where it is, if it is on this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Local(path)
    }
}

/// A folder inside a repository, `/`-separated, without `.` and `..`; empty for the repository itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubPath(String);

impl SubPath {
    /// # Errors
    /// [`SourceError::SubPath`] where the path leaves the repository or is no relative path.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let bad = |reason| SourceError::SubPath {
            path: text.to_owned(),
            reason,
        };
        if text.contains('\\') {
            return Err(bad("write it with `/`"));
        }
        let mut segments = Vec::new();
        for component in Path::new(text).components() {
            match component {
                Component::CurDir => {}
                Component::Normal(segment) => segments.extend(segment.to_str()),
                Component::ParentDir => return Err(bad("`..` leads out of it")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(bad("it is absolute, expected it relative to the repository's root"));
                }
            }
        }
        Ok(Self(segments.join("/")))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PathBuf, SourceError> {
        Location::parse(text, Path::new("/base")).map(|location| location.path().unwrap().to_owned())
    }

    #[test]
    fn paths_and_file_urls_are_places_on_this_machine() {
        assert_eq!(parse("repo"), Ok("/base/repo".into()));
        assert_eq!(parse("/srv/repo.git"), Ok("/srv/repo.git".into()));
        assert_eq!(parse("file:///srv/a%20b"), Ok("/srv/a b".into()));
        assert_eq!(parse("FILE://localhost/srv/repo"), Ok("/srv/repo".into()));
    }

    #[test]
    fn urls_of_the_network_are_elsewhere_unless_such_a_path_is_here() {
        let folder = tempfile::TempDir::new().unwrap();
        for url in [
            "https://git.example.com/a",
            "ssh://git@git.example.com/a",
            "git@git.example.com:a",
        ] {
            let location = Location::parse(url, folder.path()).unwrap();
            assert!(matches!(location, Location::Remote(_)), "{url}");
        }
        std::fs::create_dir(folder.path().join("git@git.example.com:a")).unwrap();
        let location = Location::parse("git@git.example.com:a", folder.path()).unwrap();
        assert!(location.path().is_some());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "file://elsewhere.example.com/a", "s3://bucket/repo"] {
            assert!(matches!(parse(text), Err(SourceError::Location { .. })), "{text}");
        }
    }

    #[test]
    fn a_folder_stays_inside_the_repository() {
        assert_eq!(SubPath::parse("./a//b/").unwrap().as_str(), "a/b");
        assert_eq!(SubPath::parse("").unwrap().as_str(), "");
        for bad in ["../a", "a/../../b", "/a", "a\\b"] {
            assert!(SubPath::parse(bad).is_err(), "{bad}");
        }
    }
}
