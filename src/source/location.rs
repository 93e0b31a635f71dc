//! Where a repository is, as people write it.

use std::path::{Component, Path, PathBuf};

use super::SourceError;

/// A repository on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(PathBuf);

impl Location {
    /// Reads a path or a `file://` URL; relative paths are taken from `base`.
    ///
    /// # Errors
    /// [`SourceError::Transport`] for what would need the network, [`SourceError::Location`] for anything else that
    /// is no path.
    pub fn parse(text: &str, base: &Path) -> Result<Self, SourceError> {
        let bad = |reason: &str| SourceError::Location {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            if is_scp_form(text) && !base.join(text).exists() {
                return Err(SourceError::Transport { url: text.to_owned() });
            }
            return Ok(Self(base.join(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let url = url::Url::parse(text).map_err(|error| bad(&error.to_string()))?;
                let path = url
                    .to_file_path()
                    .map_err(|()| bad("a file URL must hold an absolute path of this machine: file:///path"))?;
                Ok(Self(path))
            }
            "http" | "https" | "ssh" | "git" | "git+ssh" | "ssh+git" | "ftp" | "ftps" => Err(SourceError::Transport {
                url: without_credentials(text),
            }),
            _ => Err(bad("expected a path or a file:// URL")),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

/// `user@host:path`: a colon before the first slash, as git tells it apart (git-clone, "GIT URLS").
fn is_scp_form(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(host, _)| !host.is_empty() && !host.contains(['/', '\\']))
}

fn without_credentials(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) => {
            // Fails only for URLs without a host, which carry no credentials.
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            parsed.set_query(None);
            parsed.to_string()
        }
        Err(_) => url.split("://").next().unwrap_or_default().to_owned() + "://…",
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
        Location::parse(text, Path::new("/base")).map(|location| location.path().to_owned())
    }

    #[test]
    fn paths_and_file_urls_are_places_on_this_machine() {
        assert_eq!(parse("repo"), Ok("/base/repo".into()));
        assert_eq!(parse("/srv/repo.git"), Ok("/srv/repo.git".into()));
        assert_eq!(parse("file:///srv/a%20b"), Ok("/srv/a b".into()));
        assert_eq!(parse("FILE://localhost/srv/repo"), Ok("/srv/repo".into()));
    }

    #[test]
    fn network_urls_are_refused_without_repeating_their_credentials() {
        for url in [
            "https://git.example.com/a",
            "ssh://git@git.example.com/a",
            "git@git.example.com:a/b",
        ] {
            let error = parse(url).unwrap_err();
            assert!(matches!(error, SourceError::Transport { .. }), "{url}");
            assert!(error.to_string().contains("clone it and give the path"), "{error}");
        }
        let error = parse("https://user:secret@git.example.com/a?token=secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
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
