//! Which images of a project are judged, and which of their lines.

use std::collections::{BTreeMap, HashSet};

use crate::model::{Digest, RepositoryPath, Tag};

use super::promotions_file::Image;

/// All images of a project, or those whose names end in one of some segments: a repository's path ends as the name of
/// each image that goes there, whatever the project's paths, so that images which can contradict each other, or are
/// chained to each other, are judged together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    EndingIn(BTreeMap<Box<str>, Lines>),
}

/// Which lines of images that are judged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lines {
    All,
    /// Those with one of these tags or digests. What a line says can only be contradicted by lines with the same tag
    /// or the same digest.
    Naming {
        tags: HashSet<Tag>,
        digests: HashSet<Digest>,
    },
}

impl Default for Scope {
    fn default() -> Self {
        Self::EndingIn(BTreeMap::new())
    }
}

impl Lines {
    fn none() -> Self {
        Self::Naming {
            tags: HashSet::new(),
            digests: HashSet::new(),
        }
    }

    pub fn hold(&self, tag: Option<&Tag>, digest: Option<&Digest>) -> bool {
        match self {
            Self::All => true,
            Self::Naming { tags, digests } => {
                tag.is_some_and(|tag| tags.contains(tag)) || digest.is_some_and(|digest| digests.contains(digest))
            }
        }
    }

    /// Says whether that is new.
    fn add(&mut self, tag: Option<&Tag>, digest: Option<&Digest>) -> bool {
        match self {
            Self::All => false,
            Self::Naming { tags, digests } => {
                let new_tag = tag.is_some_and(|tag| !tags.contains(tag) && tags.insert(tag.clone()));
                let new_digest = digest.is_some_and(|digest| digests.insert(*digest));
                new_tag || new_digest
            }
        }
    }
}

impl Scope {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::EndingIn(segments) if segments.is_empty())
    }

    /// Whether something of an image of this name, or of what goes to a repository of this path, is judged.
    pub fn holds(&self, name: &RepositoryPath) -> bool {
        self.lines(name).is_some()
    }

    /// What of it is.
    pub fn lines(&self, name: &RepositoryPath) -> Option<&Lines> {
        match self {
            Self::All => Some(&Lines::All),
            Self::EndingIn(segments) => segments.get(last_segment(name)),
        }
    }

    /// Has a whole image judged.
    pub fn add(&mut self, name: &RepositoryPath) {
        if let Self::EndingIn(segments) = self {
            segments.insert(last_segment(name).into(), Lines::All);
        }
    }

    /// Has a line of an image judged.
    pub fn add_line(&mut self, name: &RepositoryPath, tag: Option<&Tag>, digest: Option<&Digest>) {
        if let Self::EndingIn(segments) = self {
            let segment = last_segment(name);
            if !segments.contains_key(segment) {
                segments.insert(segment.into(), Lines::none());
            }
            if let Some(lines) = segments.get_mut(segment) {
                lines.add(tag, digest);
            }
        }
    }

    /// Adds the lines of these images that can contradict what is judged already.
    pub fn close<'i, I: Iterator<Item = &'i Image>>(&mut self, images: impl Fn() -> I) {
        let Self::EndingIn(segments) = self else { return };
        if segments.values().all(|lines| *lines == Lines::All) {
            return;
        }
        let mut grows = true;
        while grows {
            grows = false;
            for image in images() {
                let Some(lines) = segments.get_mut(last_segment(&image.name.value)) else {
                    continue;
                };
                if *lines == Lines::All {
                    continue;
                }
                for (tag, digest) in image.lines() {
                    if lines.hold(tag, digest) {
                        grows |= lines.add(tag, digest);
                    }
                }
            }
        }
    }

    pub fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::EndingIn(segments), Self::EndingIn(more)) => {
                for (segment, added) in more {
                    match (segments.entry(segment).or_insert_with(Lines::none), added) {
                        (lines, Lines::All) => *lines = Lines::All,
                        (Lines::All, _) => {}
                        (
                            Lines::Naming { tags, digests },
                            Lines::Naming {
                                tags: more_tags,
                                digests: more,
                            },
                        ) => {
                            tags.extend(more_tags);
                            digests.extend(more);
                        }
                    }
                }
            }
        }
    }
}

fn last_segment(path: &RepositoryPath) -> &str {
    let path = path.as_str();
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepositoryPath {
        text.parse().unwrap()
    }

    #[test]
    fn what_can_go_to_one_repository_is_judged_together() {
        let mut scope = Scope::default();
        assert!(scope.is_empty() && !scope.holds(&path("b")));
        scope.add(&path("a/b"));
        // `b` below `a`, and `a/b` below the root, are one repository.
        assert!(scope.holds(&path("b")) && scope.holds(&path("a/b")) && !scope.holds(&path("b/a")));
        scope.extend(Scope::All);
        assert!(scope.holds(&path("b/a")));
    }

    #[test]
    fn a_line_is_judged_with_those_of_its_tag_or_digest_alone() {
        let (tag, other): (Tag, Tag) = ("v1".parse().unwrap(), "v2".parse().unwrap());
        let (digest, unlike) = (Digest::of(b"1"), Digest::of(b"2"));
        let mut scope = Scope::default();
        scope.add_line(&path("a"), Some(&tag), Some(&digest));
        let lines = scope.lines(&path("a")).unwrap();
        assert!(lines.hold(Some(&tag), Some(&unlike)) && lines.hold(None, Some(&digest)));
        assert!(!lines.hold(Some(&other), Some(&unlike)) && !lines.hold(None, None));
        let mut whole = Scope::default();
        whole.add(&path("a"));
        whole.extend(scope);
        assert_eq!(whole.lines(&path("a")), Some(&Lines::All));
    }
}
