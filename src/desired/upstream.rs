//! Chained claims: what is promoted from a target must be claimed there.

use std::sync::Arc;

use crate::model::{Claim, Digest, RepositoryPath, Source};

use super::claims::Judged;
use super::code;
use super::configuration::Configuration;
use super::finding::Finding;
use super::position::Position;
use super::resolve::Held;

/// Holds chained claims whose digest is not claimed upstream, or is held there; what is chained to them in turn is
/// held too. `places` says where each claim's digest stands.
pub(super) fn hold_unclaimed(
    configuration: &Configuration,
    project: &Arc<str>,
    judged: &mut Judged,
    places: &[Position],
) {
    let mut standing: Vec<bool> = vec![true; judged.claims.len()];
    loop {
        let dropped: Vec<usize> = (0..judged.claims.len())
            .filter(|index| standing[*index] && !upstream_stands(&judged.claims, &standing, *index))
            .collect();
        if dropped.is_empty() {
            break;
        }
        for index in dropped {
            standing[index] = false;
            let claim = &judged.claims[index];
            if let Source::Target { target, repository } = &claim.source {
                let finding = unclaimed(configuration, judged, claim, *target, repository);
                judged.diagnostics.push(finding.at(&claim.origin.file, places[index]));
            }
            judged.held.extend(hold(project, claim));
        }
    }
    let mut standing = standing.into_iter();
    judged.claims.retain(|_| standing.next().unwrap_or(true));
}

fn find(claims: &[Claim], target: usize, repository: &RepositoryPath, digest: &Digest) -> Option<usize> {
    claims
        .binary_search_by(|claim| (claim.target, &claim.repository, &claim.digest).cmp(&(target, repository, digest)))
        .ok()
}

fn upstream_stands(claims: &[Claim], standing: &[bool], index: usize) -> bool {
    match &claims[index].source {
        Source::Registry(_) => true,
        Source::Target { target, repository } => {
            find(claims, *target, repository, &claims[index].digest).is_some_and(|upstream| standing[upstream])
        }
    }
}

fn unclaimed(
    configuration: &Configuration,
    judged: &Judged,
    claim: &Claim,
    target: usize,
    repository: &RepositoryPath,
) -> Finding {
    let name = &configuration.targets[target].name;
    let held = judged.held.iter().find(|held| {
        held.target == Some(target) && held.repository == *repository && held.digest == Some(claim.digest)
    });
    let finding = |state: &str| {
        Finding::error(
            code::NOT_CLAIMED_UPSTREAM,
            format!(
                "{} is promoted from target `{name}`, where `{}` {state}",
                claim.digest,
                repository.as_str()
            ),
        )
    };
    match held {
        None => finding("does not claim it").help(format!("claim it there first: a file with `target = \"{name}\"`")),
        Some(held) => finding("claims it, but that claim is held")
            .help(format!("mend what holds it: {}:{}", held.origin.file, held.origin.line)),
    }
}

fn hold(project: &Arc<str>, claim: &Claim) -> Vec<Held> {
    let held = |tag| Held {
        project: project.clone(),
        target: Some(claim.target),
        repository: claim.repository.clone(),
        tag,
        digest: Some(claim.digest),
        code: code::NOT_CLAIMED_UPSTREAM,
        origin: claim.origin.clone(),
    };
    if claim.tags.is_empty() {
        vec![held(None)]
    } else {
        claim.tags.iter().cloned().map(|tag| held(Some(tag))).collect()
    }
}
