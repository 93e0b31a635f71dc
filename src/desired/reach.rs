//! How far a change of landfall.toml reaches: which claims it may judge otherwise.

use std::collections::BTreeSet;

use crate::model::{Repository, Target};

use super::configuration::Configuration;
use super::projects::Project;
use super::scope::Scope;

/// What differs between the rules that claims were judged by and those that they are judged by now.
pub(super) struct Reach<'a> {
    before: Option<&'a Configuration>,
    /// Something that every project is judged by.
    everything: bool,
    /// Paths that another project owns now, at whatever target.
    paths: BTreeSet<&'a str>,
    /// References of which `[[retags]]` says something else now.
    retagged: BTreeSet<&'a Repository>,
    /// Other tags may move.
    movable: bool,
}

impl<'a> Reach<'a> {
    pub fn between(before: Option<&'a Configuration>, after: &'a Configuration) -> Self {
        let (mut paths, mut retagged) = (BTreeSet::new(), BTreeSet::new());
        let everything = before.is_none_or(|before| !is_common_to_all(before, after));
        if let Some(before) = before.filter(|_| !everything) {
            let owners = before.owners.iter().zip(&after.owners);
            paths.extend(owners.flat_map(|(before, after)| before.differences(after)));
            retagged.extend(before.retags_unlike(after));
        }
        Self {
            before,
            everything,
            paths,
            retagged,
            movable: before.is_some_and(|before| before.mutable_tags != after.mutable_tags),
        }
    }

    /// Whether what was held has to be judged anew. That a tag may move decides only about claims with another digest
    /// than it had: what was not held has stood in the ledger since, as the newest.
    pub fn releases(&self) -> bool {
        self.movable
    }

    /// What of a project, as it stands now, has to be judged anew.
    pub fn of(&self, project: &Project) -> Scope {
        let before = self.before.and_then(|before| before.projects.get(&project.name));
        let owns_the_same = || {
            let own = || project.paths.iter().map(|path| path.as_str());
            own().all(|path| !self.paths.iter().any(|other| overlap(path, other)))
        };
        if self.everything || !before.is_some_and(|before| is_granted_alike(before, project)) || !owns_the_same() {
            return Scope::All;
        }
        let mut scope = Scope::default();
        for reference in &self.retagged {
            scope.add(&reference.path);
        }
        scope
    }
}

fn is_common_to_all(before: &Configuration, after: &Configuration) -> bool {
    let target = |configuration: &Configuration| configuration.kpromo.as_ref().map(|rule| rule.target);
    let is_alike = |(one, other): (&std::sync::Arc<Target>, &std::sync::Arc<Target>)| {
        (&one.name, &one.public_name, &one.endpoints) == (&other.name, &other.public_name, &other.endpoints)
    };
    before.targets.len() == after.targets.len()
        && before.targets.iter().zip(&*after.targets).all(is_alike)
        && target(before) == target(after)
}

/// Whether a project's claims are judged alike: how they are signed and what is asked of their sources is not judged.
fn is_granted_alike(before: &Project, after: &Project) -> bool {
    let grants = |project: &Project| -> Vec<_> {
        let grants = project.grants.iter();
        grants
            .map(|grant| (grant.target, grant.endpoints, grant.signer.is_some()))
            .collect()
    };
    before.sources == after.sources && before.paths == after.paths && grants(before) == grants(after)
}

/// Whether one of two paths lies within the other; the empty path holds every other.
fn overlap(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    within(one, other) || within(other, one)
}
