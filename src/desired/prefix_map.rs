//! Values by path and by repository prefix, found by whole segments.

use std::collections::HashMap;

use crate::model::{Prefix, Registry, Repository};

/// Values by path; the empty path is the root.
#[derive(Debug)]
pub(super) struct PathMap<T>(HashMap<Box<str>, T>);

impl<T> Default for PathMap<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> PathMap<T> {
    /// Keeps what stands at `path` already, and returns it.
    pub fn insert(&mut self, path: &str, value: T) -> Option<&T> {
        use std::collections::hash_map::Entry;
        match self.0.entry(path.into()) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
                None
            }
            Entry::Occupied(occupied) => Some(occupied.into_mut()),
        }
    }

    /// The paths at which something else stands in `other`.
    pub fn differences<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s str>
    where
        T: PartialEq,
    {
        let unlike = |(one, other): (&'s Self, &'s Self)| {
            let paths = one.0.iter();
            paths
                .filter(|(path, value)| other.0.get(*path) != Some(*value))
                .map(|(path, _)| &**path)
        };
        [(self, other), (other, self)].into_iter().flat_map(unlike)
    }

    /// What stands at `path` and above it, the longest path first.
    pub fn holding<'s>(&'s self, path: &'s str) -> impl Iterator<Item = &'s T> {
        let parent = |path: &&'s str| (!path.is_empty()).then(|| path.rfind('/').map_or("", |slash| &path[..slash]));
        std::iter::successors(Some(path), parent).filter_map(|path| self.0.get(path))
    }
}

/// Values by repository prefix.
#[derive(Debug)]
pub(super) struct PrefixMap<T>(HashMap<Registry, PathMap<T>>);

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> PrefixMap<T> {
    /// Keeps what stands at this prefix already, and returns it.
    pub fn insert(&mut self, registry: &Registry, path: &str, value: T) -> Option<&T> {
        self.0.entry(registry.clone()).or_default().insert(path, value)
    }

    /// What stands at this prefix and above it, the longest first.
    pub fn holding<'s>(&'s self, registry: &Registry, path: &'s str) -> impl Iterator<Item = &'s T> {
        self.0
            .get(registry)
            .into_iter()
            .flat_map(move |paths| paths.holding(path))
    }

    pub fn holding_prefix<'s>(&'s self, prefix: &'s Prefix) -> Option<&'s T> {
        self.holding(&prefix.registry, prefix.path()).next()
    }

    pub fn holding_repository<'s>(&'s self, repository: &'s Repository) -> Option<&'s T> {
        self.holding(&repository.registry, repository.path.as_str()).next()
    }
}

/// `path` below `parent`, either of which may be the root, the empty path.
pub(super) fn below(parent: &str, path: &str) -> String {
    match (parent, path) {
        ("", only) | (only, "") => only.to_owned(),
        (parent, path) => format!("{parent}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_comes_first_and_segments_are_whole() {
        let mut map = PathMap::default();
        for path in ["", "a", "a/b", "ab"] {
            assert!(map.insert(path, path).is_none());
        }
        assert_eq!(map.holding("a/b/c").copied().collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(map.holding("abc").copied().collect::<Vec<_>>(), [""]);
        assert_eq!(map.insert("a", "other"), Some(&"a"));
    }

    #[test]
    fn prefixes_of_other_registries_hold_nothing() {
        let mut map = PrefixMap::default();
        let prefix: Prefix = "r.example.com/a".parse().unwrap();
        map.insert(&prefix.registry, prefix.path(), 1);
        assert_eq!(map.holding_repository(&"r.example.com/a/b".parse().unwrap()), Some(&1));
        assert_eq!(map.holding_repository(&"r.example.com/ab".parse().unwrap()), None);
        assert_eq!(map.holding_prefix(&"s.example.com/a".parse().unwrap()), None);
    }
}
