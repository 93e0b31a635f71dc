//! Prefixes of repositories.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_within;
use super::repository::{
    PathError, Registry, Repository, RepositoryPath, check_segments, docker_hub_path, split_host, text_value,
};

/// A registry and zero or more whole path segments. `example.com/a` holds `example.com/a` and `example.com/a/b`,
/// not `example.com/ab`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    pub registry: Registry,
    path: Arc<str>,
}

impl Prefix {
    /// Everything at a registry.
    #[must_use]
    pub fn of(registry: Registry) -> Self {
        Self {
            registry,
            path: "".into(),
        }
    }

    /// The repositories below this one.
    #[must_use]
    pub fn below(repository: Repository) -> Self {
        Self {
            registry: repository.registry,
            path: repository.path.as_str().into(),
        }
    }

    /// The path below the registry; empty for the whole registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub fn contains(&self, repository: &Repository) -> bool {
        self.registry == repository.registry && is_within(repository.path.as_str(), &self.path)
    }

    /// Whether every repository below `other` is below `self`.
    #[must_use]
    pub fn contains_prefix(&self, other: &Prefix) -> bool {
        self.registry == other.registry && is_within(&other.path, &self.path)
    }

    #[must_use]
    pub fn overlaps(&self, other: &Prefix) -> bool {
        self.contains_prefix(other) || other.contains_prefix(self)
    }

    /// The repository at `path` below this prefix.
    #[must_use]
    pub fn join(&self, path: &RepositoryPath) -> Repository {
        let joined = path.below(&self.path);
        let path = match docker_hub_path(&self.registry, joined.as_str()) {
            Cow::Borrowed(_) => joined,
            Cow::Owned(_) => joined.below("library"),
        };
        Repository::new(self.registry.clone(), path)
    }

    /// Every prefix that holds this one, itself the last.
    pub fn lineage(&self) -> impl Iterator<Item = Self> {
        let slashes = self.path.match_indices('/').map(|(slash, _)| slash);
        let ends = (!self.path.is_empty()).then_some(self.path.len());
        let paths = [0].into_iter().chain(slashes).chain(ends);
        paths.map(|end| Self {
            registry: self.registry.clone(),
            path: self.path[..end].into(),
        })
    }

    /// The length of the path in segments, for "the longest prefix wins".
    #[must_use]
    pub fn depth(&self) -> usize {
        if self.path.is_empty() {
            0
        } else {
            self.path.split('/').count()
        }
    }
}

impl FromStr for Prefix {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (registry, path) = split_host(text)?;
        let registry: Registry = registry.parse()?;
        let path = path.unwrap_or_default();
        if !path.is_empty() {
            check_segments(path)?;
        }
        Ok(Self {
            registry,
            path: path.into(),
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            self.registry.fmt(formatter)
        } else {
            write!(formatter, "{}/{}", self.registry, self.path)
        }
    }
}

text_value!(Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_descends_from_its_registry() {
        let lineage = |text: &str| -> Vec<String> {
            let prefix: Prefix = text.parse().unwrap();
            prefix.lineage().map(|above| above.to_string()).collect()
        };
        assert_eq!(lineage("example.com"), ["example.com"]);
        assert_eq!(
            lineage("example.com/a/bc"),
            ["example.com", "example.com/a", "example.com/a/bc"]
        );
    }

    #[test]
    fn prefixes_match_whole_segments_only() {
        let prefix: Prefix = "Example.com:443/a".parse().unwrap();
        let holds = |text: &str| prefix.contains(&text.parse().unwrap());
        assert!(holds("example.com/a"));
        assert!(holds("example.com/a/b"));
        assert!(!holds("example.com/ab"));
        assert!(!holds("example.com/b"));
        assert!(!holds("example.org/a"));
        assert!("example.com".parse::<Prefix>().unwrap().contains_prefix(&prefix));
        assert!(!prefix.contains_prefix(&"example.com".parse().unwrap()));
    }

    #[test]
    fn joining_keeps_the_order_of_segments() {
        let prefix: Prefix = "example.com/a".parse().unwrap();
        assert_eq!(prefix.join(&"b/c".parse().unwrap()).to_string(), "example.com/a/b/c");
        let root: Prefix = "example.com".parse().unwrap();
        assert_eq!(root.join(&"b".parse().unwrap()).to_string(), "example.com/b");
    }

    #[test]
    fn joining_below_docker_hub_finds_its_official_images() {
        let hub: Prefix = "docker.io".parse().unwrap();
        assert_eq!(
            hub.join(&"alpine".parse().unwrap()).to_string(),
            "docker.io/library/alpine"
        );
        assert_eq!(
            hub.join(&"grafana/loki".parse().unwrap()).to_string(),
            "docker.io/grafana/loki"
        );
    }
}
