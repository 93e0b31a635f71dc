//! Which project owns which repository, and which target which public reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::RepositoryPath;

use super::code;
use super::finding::{Finding, Report};
use super::landfall_file::LandfallFile;
use super::position::Position;
use super::prefix_map::{PathMap, PrefixMap, below};
use super::projects::Project;
use super::targets::TargetRule;

/// Which project owns which paths at a target.
pub(super) type Owners = PathMap<Arc<str>>;

/// Who owns which paths. Equal paths at one target are reported at the later one.
pub(super) fn owners(
    file: &LandfallFile,
    projects: &BTreeMap<Arc<str>, Project>,
    targets: &[TargetRule],
    report: &mut Report,
) -> Vec<Owners> {
    let mut claimed: Vec<PathMap<(Arc<str>, Position)>> = targets.iter().map(|_| PathMap::default()).collect();
    let mut owners: Vec<Owners> = targets.iter().map(|_| Owners::default()).collect();
    for (name, table) in file.projects.iter().flatten() {
        let Some(project) = projects.get(&name.value.0) else {
            continue;
        };
        for (grant, path) in project
            .grants
            .iter()
            .flat_map(|grant| table.paths.value.iter().map(move |path| (grant, path)))
        {
            let text = path.value.as_str();
            owners[grant.target].insert(text, project.name.clone());
            let earlier = claimed[grant.target].insert(text, (project.name.clone(), path.at));
            if let Some((other, at)) = earlier.filter(|(other, _)| *other != project.name) {
                let finding = Finding::error(
                    code::EQUAL_PATHS,
                    format!(
                        "projects `{other}` (line {}) and `{}` both have path \"{text}\" at target `{}`",
                        at.line, project.name, targets[grant.target].target.name
                    ),
                );
                report.add(
                    path.at,
                    finding.help("a repository belongs to one project: give one of them a longer path"),
                );
            }
        }
    }
    owners
}

/// Reports targets that can write the same public reference: one signature would then speak for two images. kpromo's
/// manifests may write anywhere below their public name.
pub(super) fn check_public_references(
    projects: &BTreeMap<Arc<str>, Project>,
    kpromo: Option<usize>,
    targets: &[TargetRule],
    report: &mut Report,
) {
    let mut written: PrefixMap<Vec<(usize, Arc<str>)>> = PrefixMap::default();
    let mut all = Vec::new();
    if let Some(kpromo) = kpromo {
        let name = &targets[kpromo].target.public_name;
        all.push((
            &name.registry,
            name.path().to_owned(),
            kpromo,
            Arc::clone(&targets[kpromo].target.name),
        ));
    }
    for project in projects.values() {
        for (grant, path) in project
            .grants
            .iter()
            .flat_map(|grant| project.paths.iter().map(move |path| (grant, path)))
        {
            let name = &targets[grant.target].target.public_name;
            all.push((
                &name.registry,
                below(name.path(), path.as_str()),
                grant.target,
                project.name.clone(),
            ));
        }
    }
    let mut by_place: BTreeMap<_, Vec<(usize, Arc<str>)>> = BTreeMap::new();
    for (registry, path, target, project) in &all {
        by_place
            .entry((*registry, path.as_str()))
            .or_default()
            .push((*target, project.clone()));
    }
    for ((registry, path), writers) in by_place {
        written.insert(registry, path, writers);
    }
    let mut reported = BTreeSet::new();
    for (registry, path, target, project) in &all {
        for (other, other_project) in written.holding(registry, path).flatten() {
            let (first, second) = if targets[*other].at <= targets[*target].at {
                (*other, *target)
            } else {
                (*target, *other)
            };
            if first == second || !reported.insert((first, second)) {
                continue;
            }
            let place = if path.is_empty() {
                registry.to_string()
            } else {
                format!("{registry}/{path}")
            };
            let finding = Finding::error(
                code::SHARED_REFERENCE,
                format!(
                    "targets `{}` (line {}) and `{}` share public references below `{place}`, through {}",
                    targets[first].target.name,
                    targets[first].public_name_at.line,
                    targets[second].target.name,
                    if project == other_project {
                        format!("project `{project}`")
                    } else {
                        format!("projects `{other_project}` and `{project}`")
                    },
                ),
            );
            report.add(
                targets[second].public_name_at,
                finding.help("give each target a public name of its own: signatures and attestations carry it"),
            );
        }
    }
}

/// The project that owns a repository at a target: the one with the longest path that holds it.
pub(super) fn owner<'a>(owners: &'a Owners, repository: &'a RepositoryPath) -> Option<&'a Arc<str>> {
    owners.holding(repository.as_str()).next()
}
