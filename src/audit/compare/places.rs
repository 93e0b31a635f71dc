//! Which repositories are looked at, and what for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::history::History;
use crate::audit::look::{Depth, PlaceToLook};
use crate::model::{Claim, Desired, EndpointIndex, Prefix, Repository, RepositoryPath, Target};

/// A repository at an endpoint, with what is asked for there.
#[derive(Debug)]
pub struct Place<'a> {
    pub target: &'a Arc<Target>,
    pub endpoint: EndpointIndex,
    /// Below the endpoint's prefix.
    pub path: RepositoryPath,
    pub reference: Repository,
    pub claims: Vec<&'a Claim>,
    pub look: PlaceToLook,
}

/// Every repository that a target's endpoints hold, or once were to hold, in order; `only` chooses a target. Without
/// `unexpected`, those alone that something is asked for in.
#[must_use]
pub fn places<'a>(
    desired: &'a Desired,
    history: &History,
    only: Option<&str>,
    unexpected: bool,
    depth: Depth,
) -> Vec<Place<'a>> {
    let mut claims: BTreeMap<(usize, &RepositoryPath), Vec<&Claim>> = BTreeMap::new();
    for claim in desired.projects.iter().flat_map(|project| &project.claims) {
        claims.entry((claim.target, &claim.repository)).or_default().push(claim);
    }
    let mut found = Vec::new();
    for (number, target) in desired.targets.iter().enumerate() {
        if only.is_some_and(|only| *target.name != *only) {
            continue;
        }
        let mut paths: BTreeSet<RepositoryPath> = BTreeSet::new();
        paths.extend(
            claims
                .keys()
                .filter(|(of, _)| *of == number)
                .map(|(_, path)| (*path).clone()),
        );
        if unexpected {
            paths.extend(
                history
                    .references()
                    .filter_map(|reference| below(&target.public_name, reference)),
            );
        }
        for endpoint in target.all_endpoints().iter() {
            for path in &paths {
                let here = claims.get(&(number, path)).into_iter().flatten().copied();
                let here: Vec<&Claim> = here.filter(|claim| claim.endpoints.contains(endpoint)).collect();
                if here.is_empty() && !unexpected {
                    continue;
                }
                let reference = target.public_name.join(path);
                found.push(Place {
                    target,
                    endpoint,
                    path: path.clone(),
                    look: PlaceToLook {
                        place: target.endpoint(endpoint).prefix.join(path),
                        tags: here.iter().flat_map(|claim| claim.tags.iter().cloned()).collect(),
                        images: here.iter().map(|claim| claim.digest).collect(),
                        declared: history.digests(&reference),
                        unexpected,
                        depth,
                    },
                    reference,
                    claims: here,
                });
            }
        }
    }
    found
}

/// A repository's path below a prefix.
#[must_use]
pub fn below(prefix: &Prefix, repository: &Repository) -> Option<RepositoryPath> {
    if !prefix.contains(repository) {
        return None;
    }
    let path = repository.path.as_str();
    match prefix.path() {
        "" => path.parse().ok(),
        above => path.strip_prefix(above)?.strip_prefix('/')?.parse().ok(),
    }
}
