//! Every digest that was ever declared for a tag.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Claim, CommitId, Desired, Digest, ProjectClaims, Repository, Tag, Target};

/// What accepted history says about tags, by public reference. It only grows: a digest is never forgotten, so that a
/// tag that was removed cannot come back with another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger(BTreeMap<Repository, Arc<Tags>>);

/// Shared between copies of a ledger until one of them grows: a commit is judged on a copy, which then costs no more
/// than the references.
pub(super) type Tags = BTreeMap<Tag, Vec<Declaration>>;

/// A digest, and the commit that declared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    pub digest: Digest,
    pub commit: CommitId,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `{public-name}/{path}/{image}`
    pub reference: Repository,
    pub tag: Tag,
    pub declaration: Declaration,
}

impl Ledger {
    /// Enters what `desired` declares and returns what is new, for those who keep the ledger elsewhere too.
    ///
    /// `since` is the desired state of the commit recorded before: projects that are the same allocation in both are
    /// skipped, so that a one-line commit costs what its project costs.
    pub fn record(&mut self, desired: &Desired, since: Option<&Desired>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for project in &desired.projects {
            if !since.is_some_and(|since| holds(since, project)) {
                self.record_claims(desired.commit, &desired.targets, &project.claims, &mut entries);
            }
        }
        entries
    }

    /// Enters what claims of one project declare, and adds what is new to `entries`.
    pub(super) fn record_claims(
        &mut self,
        commit: CommitId,
        targets: &[Arc<Target>],
        claims: &[Claim],
        entries: &mut Vec<Entry>,
    ) {
        for of_one_repository in claims.chunk_by(|a, b| a.target == b.target && a.repository == b.repository) {
            let Some(first) = of_one_repository.first() else {
                continue;
            };
            let reference = targets[first.target].public_name.join(&first.repository);
            let known = self.tags(&reference);
            let is_new = |(tag, digest): &(&Tag, Digest)| {
                let newest = known.and_then(|tags| tags.get(*tag)?.last());
                newest.is_none_or(|newest| newest.digest != *digest)
            };
            let claimed = of_one_repository
                .iter()
                .flat_map(|claim| claim.tags.iter().map(|tag| (tag, claim.digest)));
            // Most of what is claimed is known: no entry is made for that.
            let new: Vec<(&Tag, Digest)> = claimed.filter(is_new).collect();
            for (tag, digest) in new {
                let entry = Entry {
                    reference: reference.clone(),
                    tag: tag.clone(),
                    declaration: Declaration { digest, commit },
                };
                if self.insert(&entry) {
                    entries.push(entry);
                }
            }
        }
    }

    /// Everything that was ever declared below a public reference, whatever the tag.
    pub fn of_reference(&self, reference: &Repository) -> impl Iterator<Item = Declaration> {
        let tags = self.0.get(reference).into_iter();
        tags.flat_map(|tags| tags.values().flatten().copied())
    }

    /// Adds an entry, unless its digest is the tag's newest already; says whether it was added.
    pub fn insert(&mut self, entry: &Entry) -> bool {
        let tags = match self.0.get_mut(&entry.reference) {
            Some(tags) => tags,
            None => self.0.entry(entry.reference.clone()).or_default(),
        };
        let newest = tags.get(&entry.tag).and_then(|declarations| declarations.last());
        // Asked first: what is shared with a copy is only copied where something is new.
        let is_new = newest.is_none_or(|newest| newest.digest != entry.declaration.digest);
        if is_new {
            let declarations = Arc::make_mut(tags).entry(entry.tag.clone()).or_default();
            declarations.push(entry.declaration);
        }
        is_new
    }

    /// The ledger as it was before these commits, which are the newest that it knows.
    #[must_use]
    pub fn before(self, commits: &HashSet<CommitId>) -> Self {
        if commits.is_empty() {
            return self;
        }
        let is_older = |declaration: &Declaration| !commits.contains(&declaration.commit);
        let older = self.0.into_iter().map(|(reference, mut tags)| {
            if !tags.values().flatten().all(is_older) {
                let tags = Arc::make_mut(&mut tags);
                tags.retain(|_, declarations| {
                    declarations.retain(is_older);
                    !declarations.is_empty()
                });
            }
            (reference, tags)
        });
        Self(older.filter(|(_, tags)| !tags.is_empty()).collect())
    }

    /// Every digest ever declared for a tag, the newest last. A digest that came back stands again.
    #[must_use]
    pub fn declared(&self, reference: &Repository, tag: &Tag) -> &[Declaration] {
        self.tags(reference)
            .and_then(|tags| tags.get(tag))
            .map_or(&[], Vec::as_slice)
    }

    /// The declarations of each tag of a repository.
    #[must_use]
    pub(super) fn tags(&self, reference: &Repository) -> Option<&Tags> {
        self.0.get(reference).map(|tags| &**tags)
    }

    /// Every entry, by reference and tag, each tag's in the order of history: inserted in this order they make the
    /// same ledger.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0.iter().flat_map(|(reference, tags)| {
            tags.iter().flat_map(move |(tag, declarations)| {
                declarations.iter().map(move |declaration| Entry {
                    reference: reference.clone(),
                    tag: tag.clone(),
                    declaration: *declaration,
                })
            })
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn holds(desired: &Desired, project: &Arc<ProjectClaims>) -> bool {
    desired
        .projects
        .binary_search_by(|candidate| candidate.name.cmp(&project.name))
        .is_ok_and(|index| Arc::ptr_eq(&desired.projects[index], project))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: &str, content: &str) -> Entry {
        Entry {
            reference: "registry.example.com/dns/coredns".parse().unwrap(),
            tag: tag.parse().unwrap(),
            declaration: Declaration {
                digest: Digest::of(content.as_bytes()),
                commit: CommitId([1; 20]),
            },
        }
    }

    #[test]
    fn a_digest_that_came_back_is_the_newest_again() {
        let mut ledger = Ledger::default();
        assert!(ledger.insert(&entry("latest", "a")));
        assert!(!ledger.insert(&entry("latest", "a")));
        assert!(ledger.insert(&entry("latest", "b")));
        assert!(ledger.insert(&entry("latest", "a")));
        let Entry { reference, tag, .. } = entry("latest", "");
        let digests: Vec<_> = ledger.declared(&reference, &tag).iter().map(|d| d.digest).collect();
        assert_eq!(digests, [Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"a")]);
        assert_eq!(ledger.declared(&reference, &"v1".parse().unwrap()), []);
    }

    #[test]
    fn a_ledger_survives_json_and_its_own_entries() {
        let mut ledger = Ledger::default();
        for (tag, content) in [("latest", "a"), ("v1", "a"), ("latest", "b"), ("latest", "a")] {
            ledger.insert(&entry(tag, content));
        }
        let json = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&json).unwrap(), ledger);
        let mut copy = Ledger::default();
        for entry in ledger.entries() {
            copy.insert(&entry);
        }
        assert_eq!(copy, ledger);
    }
}
