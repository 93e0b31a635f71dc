//! Repositories that several projects of kpromo's claim: kpromo lets them, as long as no tag gets two digests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::desired::claims::{Line, Use, held, readable};
use crate::desired::configuration::Configuration;
use crate::desired::conflicts::{self, Conflict, Place};
use crate::desired::position::Position;
use crate::desired::project_files::ProjectFiles;
use crate::desired::projects::Grant;
use crate::desired::promotions_file::Image;
use crate::desired::resolve::Held;
use crate::desired::scope::{Lines, Scope};
use crate::model::{Diagnostic, RepositoryPath, Source};

use super::claims::{Contents, routes_of};
use super::rule::Rule;

/// What other projects take from one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::desired) struct Shared {
    lines: BTreeSet<(RepositoryPath, Position)>,
    pub held: Vec<Held>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Shared {
    /// Takes out the lines of a repository that another project's contradict.
    pub fn withhold(&self, repository: &RepositoryPath, lines: &mut Vec<Line<'_>>) {
        if !self.lines.is_empty() {
            lines.retain(|line| !self.lines.contains(&(repository.clone(), line.at())));
        }
    }
}

struct Project<'a> {
    name: &'a Arc<str>,
    contents: Contents<'a>,
    routes: Vec<(crate::desired::scalar::TargetPath, Grant)>,
}

/// An image, as one project promotes it to one repository.
struct Claimed<'a> {
    project: usize,
    image: &'a Image,
    grant: &'a Grant,
}

/// What contradicts between projects, by project.
pub(in crate::desired) fn between_projects<'a>(
    configuration: &Configuration,
    rule: &Rule,
    projects: impl Iterator<Item = (&'a Arc<str>, &'a ProjectFiles)>,
    scope: &Scope,
) -> BTreeMap<Arc<str>, Shared> {
    let projects: Vec<Project<'_>> = projects
        .filter_map(|(name, files)| {
            let contents = Contents::of(files)?;
            let is_judged = contents.images.iter().any(|image| scope.holds(&image.name.value));
            if !is_judged {
                return None;
            }
            let routes = routes_of(configuration, rule, &contents)
                .into_iter()
                .map(|(path, endpoints)| (path, rule.grant(endpoints)))
                .collect();
            Some(Project { name, contents, routes })
        })
        .collect();
    let mut claimed: HashMap<RepositoryPath, Vec<Claimed<'_>>> = HashMap::new();
    for (index, project) in projects.iter().enumerate() {
        for (path, grant) in &project.routes {
            let images = project.contents.images.iter();
            for image in images.filter(|image| scope.holds(&image.name.value)) {
                claimed.entry(path.join(&image.name.value)).or_default().push(Claimed {
                    project: index,
                    image,
                    grant,
                });
            }
        }
    }
    let mut shared: BTreeMap<Arc<str>, Shared> = BTreeMap::new();
    let mut several: Vec<_> = claimed
        .into_iter()
        .filter(|(_, claims)| claims.iter().any(|claim| claim.project != claims[0].project))
        .collect();
    several.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (repository, claims) in &several {
        let Some(judged) = scope.lines(repository) else {
            continue;
        };
        compare(
            configuration,
            rule,
            &projects,
            (repository, judged),
            claims,
            &mut shared,
        );
    }
    shared
}

fn compare(
    configuration: &Configuration,
    rule: &Rule,
    projects: &[Project<'_>],
    (repository, judged): (&RepositoryPath, &Lines),
    claims: &[Claimed<'_>],
    shared: &mut BTreeMap<Arc<str>, Shared>,
) {
    let uses: Vec<Use<'_>> = claims
        .iter()
        .map(|claim| {
            let contents = &projects[claim.project].contents;
            Use {
                file: contents.images_path,
                image: claim.image,
                source: Source::Registry(contents.manifest.source.value.join(&claim.image.name.value)),
                grant: claim.grant,
            }
        })
        .collect();
    let mut all = readable(&uses, judged);
    let place = Place {
        target: &configuration.targets[rule.target],
        repository,
        uses: &uses,
    };
    let owners: Vec<&Arc<str>> = claims.iter().map(|claim| projects[claim.project].name).collect();
    let mut found: Vec<Conflict<'_>> = Vec::new();
    conflicts::with_unreadable(&place, &mut all, &mut found);
    conflicts::between_endpoints(&place, &mut all, &mut found);
    conflicts::between_files(&place, &mut all, &mut found);
    conflicts::between_projects(&place, &owners, &mut all, &mut found);
    for conflict in found {
        let name = owners[conflict.line.of];
        let file = uses[conflict.line.of].file;
        let code = conflict.finding.code;
        let of_project = shared.entry(Arc::clone(name)).or_default();
        of_project.lines.insert((repository.clone(), conflict.line.at()));
        if conflict.holds {
            let held = held(name, Some(rule.target), repository, &conflict.line, file, code);
            of_project.held.push(held);
        }
        of_project.diagnostics.push(conflict.finding.at(file, conflict.at));
    }
}
