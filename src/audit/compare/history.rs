//! What accepted history ever asked for, from its log.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::audit::log::{EventKind, LogEntry};
use crate::model::{CommitId, Digest, Repository, Tag};

/// Everything that was ever asked for, by public reference.
#[derive(Debug, Default)]
pub struct History {
    references: BTreeMap<Repository, Declared>,
    /// Which commits asked for which digest.
    commits: HashSet<(CommitId, Repository, Digest)>,
}

/// What was asked for under one reference.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub digests: HashSet<Digest>,
    pub tags: HashMap<Tag, BTreeSet<Digest>>,
}

impl History {
    /// Takes in a log: its order does not matter.
    #[must_use]
    pub fn of(log: &[LogEntry]) -> Self {
        let mut history = Self::default();
        for entry in log {
            for event in &entry.events {
                if !matches!(
                    event.kind,
                    EventKind::Promoted | EventKind::Moved | EventKind::HandedOver
                ) {
                    continue;
                }
                let reference = event
                    .reference
                    .as_deref()
                    .and_then(|text| text.parse::<Repository>().ok());
                let digest = event.after.as_deref().and_then(|text| text.parse::<Digest>().ok());
                let (Some(reference), Some(digest)) = (reference, digest) else {
                    continue;
                };
                history.commits.insert((entry.commit, reference.clone(), digest));
                let declared = history.references.entry(reference).or_default();
                declared.digests.insert(digest);
                if let Some(tag) = &event.tag {
                    declared.tags.entry(tag.clone()).or_default().insert(digest);
                }
            }
        }
        history
    }

    /// Every reference that something was ever asked for under.
    pub fn references(&self) -> impl Iterator<Item = &Repository> {
        self.references.keys()
    }

    /// The digests that were ever asked for under a reference.
    #[must_use]
    pub fn digests(&self, reference: &Repository) -> HashSet<Digest> {
        self.declared(reference)
            .map(|declared| declared.digests.clone())
            .unwrap_or_default()
    }

    /// Whether this commit asked for this digest.
    #[must_use]
    pub fn asked(&self, commit: CommitId, reference: &Repository, digest: Digest) -> bool {
        self.commits.contains(&(commit, reference.clone(), digest))
    }

    pub(super) fn declared(&self, reference: &Repository) -> Option<&Declared> {
        self.references.get(reference)
    }
}
