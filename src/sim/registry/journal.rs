//! What was asked of the registries and written to them, for tests to compare with the plan.

use std::collections::BTreeMap;

use crate::model::{Digest, Registry, Repository, RepositoryPath, Tag};

/// A change to a registry, or a request for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The number of requests and changes before this one, over all registries of the store: a clock that gives the
    /// order of everything.
    pub at: u64,
    pub by: Writer,
    pub repository: Repository,
    pub kind: WriteKind,
    /// False where the store was as it is before: the same content sent again, or a write that the registry lost.
    pub changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Writer {
    /// It came as a request: from landfall, or another client over HTTP.
    Client,
    /// Somebody changed the store itself: a test's preparation, damage, a second writer.
    Outside,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WriteKind {
    Manifest {
        digest: Digest,
        /// The tag it was sent to, where it was not sent to its digest.
        tag: Option<Tag>,
    },
    /// A whole blob, however many requests carried it.
    Blob(Digest),
    Mount {
        digest: Digest,
        from: RepositoryPath,
    },
    /// A tag was set without sending a manifest.
    Tag {
        tag: Tag,
        digest: Digest,
    },
    DeleteTag(Tag),
    DeleteManifest(Digest),
    DeleteBlob(Digest),
    DropRepository,
    Corrupt(Digest),
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Ping,
    HeadManifest,
    ReadManifest,
    WriteManifest,
    DeleteManifest,
    HeadBlob,
    ReadBlob,
    WriteBlob,
    MountBlob,
    DeleteBlob,
    /// Each page counts.
    ListTags,
    ListReferrers,
}

impl Operation {
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::WriteManifest | Self::DeleteManifest | Self::WriteBlob | Self::MountBlob | Self::DeleteBlob
        )
    }

    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::ListTags | Self::ListReferrers)
    }
}

/// How many requests of each kind reached each registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requests {
    counts: BTreeMap<(Registry, Operation), u64>,
}

impl Requests {
    #[must_use]
    pub fn at(&self, registry: &Registry, operation: Operation) -> u64 {
        self.counts.get(&(registry.clone(), operation)).copied().unwrap_or(0)
    }

    #[must_use]
    pub fn of(&self, operation: Operation) -> u64 {
        self.iter()
            .filter(|(_, o, _)| *o == operation)
            .map(|(_, _, count)| count)
            .sum()
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Registry, Operation, u64)> {
        self.counts
            .iter()
            .map(|((registry, operation), count)| (registry, *operation, *count))
    }

    pub(super) fn count(&mut self, registry: &Registry, operation: Operation) {
        *self.counts.entry((registry.clone(), operation)).or_default() += 1;
    }
}
