//! Which images of a project are judged.

use std::collections::BTreeSet;

use crate::model::RepositoryPath;

/// All images of a project, or those whose names end in one of some segments: a repository's path ends as the name of
/// each image that goes there, whatever the project's paths, so that images which can contradict each other, or are
/// chained to each other, are judged together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    EndingIn(BTreeSet<Box<str>>),
}

impl Default for Scope {
    fn default() -> Self {
        Self::EndingIn(BTreeSet::new())
    }
}

impl Scope {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::EndingIn(segments) if segments.is_empty())
    }

    /// Whether an image of this name, or what goes to a repository of this path, is judged.
    pub fn holds(&self, name: &RepositoryPath) -> bool {
        match self {
            Self::All => true,
            Self::EndingIn(segments) => segments.contains(last_segment(name)),
        }
    }

    pub fn add(&mut self, name: &RepositoryPath) {
        if let Self::EndingIn(segments) = self
            && !segments.contains(last_segment(name))
        {
            segments.insert(last_segment(name).into());
        }
    }

    pub fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::EndingIn(segments), Self::EndingIn(more)) => segments.extend(more),
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
}
