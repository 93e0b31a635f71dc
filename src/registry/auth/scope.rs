//! What a token is asked for (distribution's token specification, "Resource provider use").

use std::collections::{BTreeMap, BTreeSet};

use crate::model::RepositoryPath;

/// Resources, such as `repository:library/alpine`, each with actions, such as `pull`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::registry) struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    pub(in crate::registry) fn pull(path: &RepositoryPath) -> Self {
        Self::default().and(path, &["pull"])
    }

    pub(in crate::registry) fn push(path: &RepositoryPath) -> Self {
        Self::default().and(path, &["pull", "push"])
    }

    /// For the list of a registry's repositories (distribution's token specification, "Resource types").
    pub(in crate::registry) fn catalog() -> Self {
        Self(BTreeMap::from([(
            "registry:catalog".to_owned(),
            BTreeSet::from(["*".to_owned()]),
        )]))
    }

    pub(in crate::registry) fn and_pull(self, path: &RepositoryPath) -> Self {
        self.and(path, &["pull"])
    }

    pub(in crate::registry) fn and_delete(self, path: &RepositoryPath) -> Self {
        self.and(path, &["delete"])
    }

    fn and(mut self, path: &RepositoryPath, actions: &[&str]) -> Self {
        let entry = self.0.entry(format!("repository:{}", path.as_str())).or_default();
        entry.extend(actions.iter().map(|&action| action.to_owned()));
        self
    }

    /// Reads the `scope` of a challenge: scopes joined by spaces, each `type:name:actions`. The name may hold colons.
    pub(in crate::registry) fn parse(text: &str) -> Self {
        let mut scopes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for scope in text.split_whitespace() {
            if let Some((resource, actions)) = scope.rsplit_once(':')
                && resource.contains(':')
            {
                let entry = scopes.entry(resource.to_owned()).or_default();
                entry.extend(
                    actions
                        .split(',')
                        .filter(|action| !action.is_empty())
                        .map(str::to_owned),
                );
            }
        }
        Self(scopes)
    }

    /// Adds the actions that `other` has for the resources that are here already: a registry knows best what its own
    /// token server calls them (Azure's tag lists need `metadata_read`), but has no say in which resources we ask for.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (resource, actions) in &mut self.0 {
            actions.extend(other.0.get(resource).into_iter().flatten().cloned());
        }
    }

    /// Adds everything of `other`; says whether anything was new.
    pub(in crate::registry) fn merge(&mut self, other: &Self) -> bool {
        let mut grown = false;
        for (resource, actions) in &other.0 {
            let own = self.0.entry(resource.clone()).or_default();
            for action in actions {
                grown |= own.insert(action.clone());
            }
        }
        grown
    }

    /// The values of the `scope` parameters.
    pub(in crate::registry) fn values(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .map(|(resource, actions)| format!("{resource}:{}", Vec::from_iter(actions.iter().cloned()).join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(scopes: &Scopes) -> Vec<String> {
        scopes.values().collect()
    }

    #[test]
    fn a_mount_asks_for_both_repositories() {
        let scopes = Scopes::push(&"b/c".parse().unwrap()).and_pull(&"a".parse().unwrap());
        assert_eq!(values(&scopes), ["repository:a:pull", "repository:b/c:pull,push"]);
    }

    #[test]
    fn a_challenge_adds_actions_and_no_resources() {
        let mut scopes = Scopes::pull(&"a".parse().unwrap());
        scopes.absorb(&Scopes::parse(
            "repository:a:metadata_read,delete repository:b:pull registry:catalog:* junk",
        ));
        assert_eq!(values(&scopes), ["repository:a:delete,metadata_read,pull"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "[a-z:/]{1,20}", actions in proptest::collection::btree_set("[a-z*]{1,6}", 1..4)) {
            let scopes = Scopes(BTreeMap::from([(format!("repository:{name}"), actions)]));
            prop_assert_eq!(Scopes::parse(&values(&scopes).join(" ")), scopes);
        }
    }
}
