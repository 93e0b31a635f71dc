//! Which claims a change adds, removes and moves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use crate::desired::code;
use crate::desired::finding::Finding;
use crate::desired::parse::Parsed;
use crate::desired::position::Position;
use crate::desired::promotions_file::ImageTable;
use crate::model::{Claim, Desired, Digest, ProjectClaims, RepoPath, Repository, RepositoryPath, Tag};

use super::remarks::Remarks;
use super::side::Side;

/// What a change does to a tag, or to a digest that is claimed without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimChange {
    pub target: Arc<str>,
    pub project: Arc<str>,
    /// The public reference, `{public-name}/{path}/{image}`.
    pub reference: Repository,
    pub tag: Option<Tag>,
    /// `None` for what was not claimed.
    pub before: Option<Digest>,
    /// `None` for what is no longer claimed.
    pub after: Option<Digest>,
    pub file: RepoPath,
    /// Where it stands now, or stood.
    pub line: u32,
}

/// What is claimed at one place: a tag, or a digest without one.
type Key<'a> = (&'a str, &'a RepositoryPath, Option<&'a Tag>, Option<Digest>);

#[derive(Clone, Copy)]
struct Stand<'a> {
    project: &'a Arc<str>,
    claim: &'a Claim,
}

/// Sorted by target, project and reference.
pub(super) fn compare(before: &Side<'_>, after: &Side<'_>, remarks: &mut Remarks<'_>) -> Vec<ClaimChange> {
    let (old, new) = (&before.resolved.desired, &after.resolved.desired);
    let same_targets = before.parsed.configuration.files == after.parsed.configuration.files;
    let [stood, stands] = [(old, new), (new, old)].map(|(of, other)| standing(of, other, same_targets));
    let held: HashSet<Key<'_>> = after
        .resolved
        .held
        .iter()
        .filter_map(|held| {
            let target = &*new.targets[held.target?].name;
            let untagged = held.tag.is_none().then_some(held.digest).flatten();
            Some((target, &held.repository, held.tag.as_ref(), untagged))
        })
        .collect();
    // Of an image that cannot be read nobody knows what it drops.
    let is_held = |key: &Key<'_>| held.contains(key) || held.contains(&(key.0, key.1, None, None));
    let broken: HashSet<&str> = after.parsed.broken_projects().collect();
    let mut changes = Vec::new();
    for (key, stand) in &stands {
        let digest = stand.claim.digest;
        let known = stood.get(key).map(|known| known.claim.digest);
        if known == Some(digest) {
            continue;
        }
        let (file, at) = place(after.parsed, stand.project, stand.claim, key.2);
        let change = change(new, stand, key.2, (known, Some(digest)), &file, at.line);
        if let (Some(known), Some(tag)) = (known, key.2)
            && [before, after].iter().any(|side| is_immutable(side.parsed, key.0, tag))
        {
            let finding = Finding::warning(
                code::TAG_MOVED,
                format!("{}:{tag} moves from {known} to {digest}", change.reference),
            );
            remarks.at(
                &file,
                at,
                finding.help("`[[retags]]` or `mutable-tags` allows it: look there for the reason"),
            );
        }
        changes.push(change);
    }
    for (key, stand) in stood.iter().filter(|(key, _)| !stands.contains_key(*key)) {
        if is_held(key) || broken.contains(&**stand.project) {
            continue;
        }
        let (file, at) = place(before.parsed, stand.project, stand.claim, key.2);
        let now = remarks.line_now(&file, at.line);
        let change = change(old, stand, key.2, (Some(stand.claim.digest), None), &file, now);
        if let Some(finding) = dropped(before, after, key, stand, &change.reference) {
            remarks.gone(&file, at, finding);
        }
        changes.push(change);
    }
    changes.sort_by(|a, b| {
        let key = |change: &ClaimChange| (change.target.clone(), change.project.clone(), change.reference.clone());
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.file, a.line, &a.tag).cmp(&(&b.file, b.line, &b.tag)))
    });
    changes
}

/// What is claimed by projects that are not the same in both revisions.
fn standing<'a>(of: &'a Desired, other: &Desired, same_targets: bool) -> BTreeMap<Key<'a>, Stand<'a>> {
    let unchanged = |project: &Arc<ProjectClaims>| {
        same_targets
            && other
                .projects
                .binary_search_by(|known| known.name.cmp(&project.name))
                .is_ok_and(|index| Arc::ptr_eq(&other.projects[index], project))
    };
    let mut standing = BTreeMap::new();
    for project in of.projects.iter().filter(|project| !unchanged(project)) {
        for claim in &project.claims {
            let target = &*of.targets[claim.target].name;
            let stand = Stand {
                project: &project.name,
                claim,
            };
            if claim.tags.is_empty() {
                standing.insert((target, &claim.repository, None, Some(claim.digest)), stand);
            }
            for tag in &claim.tags {
                standing.insert((target, &claim.repository, Some(tag), None), stand);
            }
        }
    }
    standing
}

fn change(
    desired: &Desired,
    stand: &Stand<'_>,
    tag: Option<&Tag>,
    (before, after): (Option<Digest>, Option<Digest>),
    file: &RepoPath,
    line: u32,
) -> ClaimChange {
    let target = &desired.targets[stand.claim.target];
    ClaimChange {
        target: target.name.clone(),
        project: stand.project.clone(),
        reference: target.public_name.join(&stand.claim.repository),
        tag: tag.cloned(),
        before,
        after,
        file: file.clone(),
        line,
    }
}

fn is_immutable(parsed: &Parsed, target: &str, tag: &Tag) -> bool {
    let target = parsed.configuration.target(target);
    target.is_some_and(|target| !parsed.configuration.mutable_tags[target].holds(tag))
}

/// What a reviewer has to know about a claim that is gone; nothing where its project or target is gone as a whole.
fn dropped(
    before: &Side<'_>,
    after: &Side<'_>,
    (target, repository, tag, _): &Key<'_>,
    stand: &Stand<'_>,
    reference: &Repository,
) -> Option<Finding> {
    let now = &after.parsed.configuration;
    if !now.projects.contains_key(stand.project) || now.target(target).is_none() {
        return None;
    }
    let Some(tag) = tag else {
        let new = &after.resolved.desired;
        let digest = stand.claim.digest;
        let lives_on = new.projects.iter().flat_map(|project| &project.claims).any(|claim| {
            claim.digest == digest && claim.repository == **repository && *new.targets[claim.target].name == **target
        });
        return (!lives_on).then(|| {
            Finding::warning(
                code::DIGEST_DROPPED,
                format!("{digest} is no longer claimed at {reference}"),
            )
            .help("what stands at the registries stays there, and nothing repairs it any more")
        });
    };
    is_immutable(before.parsed, target, tag).then(|| {
        Finding::warning(
            code::TAG_DROPPED,
            format!(
                "{reference}:{tag} is no longer claimed; it stands on {}",
                stand.claim.digest
            ),
        )
        .help("it stays at the registries, nothing repairs it any more, and it can only come back with this digest")
    })
}

/// Where the line of a claim is that names this tag, or its digest without one.
#[must_use]
pub fn place(parsed: &Parsed, project: &str, claim: &Claim, tag: Option<&Tag>) -> (RepoPath, Position) {
    let Claim {
        repository,
        digest,
        origin,
        ..
    } = claim;
    let found = || {
        let mut files: Vec<_> = parsed.projects.get(project)?.files.iter().collect();
        // The file where the claim begins is the likeliest.
        files.sort_by_key(|file| file.path != origin.file);
        files.into_iter().find_map(|file| {
            let images = file.content.as_ref()?.images().iter();
            let mut named = images.filter(|image| is_below(repository.as_str(), image.name.value.as_str()));
            let at = named.find_map(|image| line_of(&image.table, digest, tag))?;
            Some((file.path.clone(), at))
        })
    };
    found().unwrap_or_else(|| {
        let at = Position {
            line: origin.line,
            ..Position::START
        };
        (origin.file.clone(), at)
    })
}

fn line_of(image: &ImageTable, digest: &Digest, tag: Option<&Tag>) -> Option<Position> {
    match tag {
        Some(tag) => {
            let mut lines = image.tags.iter().flat_map(|tags| &tags.lines);
            let line = lines.find(|line| line.tag.value == *tag && line.digest.value == *digest)?;
            Some(line.tag.at)
        }
        None => {
            let mut lines = image.untagged.iter().flat_map(|untagged| &untagged.digests);
            lines.find(|line| line.value == *digest).map(|line| line.at)
        }
    }
}

/// Whether an image of this name can be what stands at a repository.
fn is_below(repository: &str, name: &str) -> bool {
    let above = repository.strip_suffix(name);
    above.is_some_and(|above| above.is_empty() || above.ends_with('/'))
}
