//! What another tool copies, as far as it can be told from its configuration alone.

use std::fmt;
use std::sync::Arc;

use crate::model::{Digest, Prefix, Registry, Repository, Tag};

/// Decides about a tag's or a repository's name.
#[derive(Clone)]
pub struct Choice(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Choice {
    pub fn new(choice: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(choice))
    }

    pub fn all() -> Self {
        Self::new(|_| true)
    }

    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        (self.0)(name)
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Choice")
    }
}

/// Images of one repository.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub line: u32,
    pub source: Repository,
    pub target: Repository,
    pub images: Images,
}

#[derive(Debug, Clone)]
pub enum Images {
    /// Under the tags that they have there.
    Tags(Choice),
    Tag {
        of_source: Tag,
        of_target: Tag,
    },
    Digest {
        digest: Digest,
        of_target: Option<Tag>,
    },
}

/// All repositories that a registry lists, each below `target` by its own name.
#[derive(Debug, Clone)]
pub struct WantedRegistry {
    pub line: u32,
    pub source: Registry,
    pub target: Prefix,
    pub repositories: Choice,
    pub tags: Choice,
}

/// A whole file.
#[derive(Debug, Clone, Default)]
pub struct AllWanted {
    pub repositories: Vec<Wanted>,
    pub registries: Vec<WantedRegistry>,
}

impl AllWanted {
    /// Where images are read.
    pub fn sources(&self) -> impl Iterator<Item = &Registry> {
        let named = self.repositories.iter().map(|wanted| &wanted.source.registry);
        named.chain(self.registries.iter().map(|wanted| &wanted.source))
    }
}
