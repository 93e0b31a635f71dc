//! From parsed files to the desired state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{CommitId, Desired, Diagnostic, Digest, Exception, Origin, ProjectClaims, RepositoryPath, Tag};

use super::claims;
use super::code;
use super::configuration::Configuration;
use super::finding::{Finding, in_order};
use super::kpromo::{self, Shared};
use super::ledger::Ledger;
use super::manifest_file::ManifestFile;
use super::parse::Parsed;
use super::position::Position;
use super::project_files::ProjectFiles;
use super::scope::Scope;

/// What accepted history binds the head to.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// What commits before the one being resolved declared. Where that commit is recorded already, that changes
    /// nothing.
    pub ledger: &'a Ledger,
}

/// The desired state of a commit, what of it is held back, and why.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub desired: Desired,
    /// Claims that are wrong: nothing is written for them, nothing pruned, and no older digest takes their place.
    pub held: Vec<Held>,
    /// What is wrong with claims, sorted by place. What is wrong with files is in [`Parsed::diagnostics`].
    pub diagnostics: Vec<Diagnostic>,
    configuration: Arc<Configuration>,
    projects: Vec<Arc<Project>>,
}

impl Resolved {
    /// What an audit is to pass over.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.configuration.exceptions
    }
}

/// A claim that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub project: Arc<str>,
    /// Index into [`Desired::targets`]; `None` where the file does not say, or names no target.
    pub target: Option<usize>,
    pub repository: RepositoryPath,
    /// `None` for a digest that is claimed without a tag, and where it cannot be read.
    pub tag: Option<Tag>,
    /// `None` where it cannot be read; without tag and digest, an image of which nothing can be.
    pub digest: Option<Digest>,
    /// The code of the diagnostic that says why.
    pub code: &'static str,
    pub origin: Origin,
}

/// A project, resolved.
#[derive(Debug)]
pub(super) struct Project {
    /// What it was resolved from.
    files: ProjectFiles,
    /// What other projects take from it.
    shared: Shared,
    claims: Arc<ProjectClaims>,
    held: Vec<Held>,
    diagnostics: Vec<Diagnostic>,
}

impl Project {
    pub fn into_claims(self) -> Arc<ProjectClaims> {
        self.claims
    }

    fn is_of(&self, files: &ProjectFiles) -> bool {
        let same = |(one, other): (&Arc<ManifestFile>, &Arc<ManifestFile>)| {
            Arc::ptr_eq(one, other) || (one.blob.is_some() && one.blob == other.blob && one.path == other.path)
        };
        self.files.from == files.from
            && self.files.kept == files.kept
            && self.files.files.len() == files.files.len()
            && self.files.files.iter().zip(&files.files).all(same)
    }
}

/// Judges what a commit claims: grants, the ledger, conflicts. An error holds the claims that it speaks of and no
/// others.
///
/// Where neither a project's files nor landfall.toml (and its keys) changed since `previous`, its claims are the same
/// allocation as there. `previous` must have been resolved against the same ledger or an earlier state of it. A
/// project that is still broken has no entry.
#[must_use]
pub fn resolve(parsed: &Parsed, accepted: &Accepted<'_>, previous: Option<&Resolved>) -> Resolved {
    let configuration = &parsed.configuration;
    let previous = previous.filter(|previous| {
        Arc::ptr_eq(&previous.configuration, configuration) || previous.configuration.files == configuration.files
    });
    let earlier = |name: &str| {
        let projects = &previous?.projects;
        let index = projects
            .binary_search_by(|project| (*project.claims.name).cmp(name))
            .ok()?;
        Some(&projects[index])
    };
    let readable = || parsed.projects.iter().filter(|(_, files)| !files.is_broken());
    let mut shared = configuration.kpromo.as_ref().map_or_else(BTreeMap::new, |rule| {
        let of_kpromo = readable().filter(|(_, files)| files.is_kpromo());
        kpromo::between_projects(configuration, rule, of_kpromo, &Scope::All)
    });
    let projects: Vec<Arc<Project>> = readable()
        .filter_map(|(name, files)| {
            let shared = shared.remove(name).unwrap_or_default();
            match earlier(name).filter(|known| known.is_of(files) && known.shared == shared) {
                Some(known) => Some(known.clone()),
                None => project(configuration, name, files, accepted.ledger, shared, &Scope::All).map(Arc::new),
            }
        })
        .collect();
    Resolved {
        desired: desired(parsed.commit, previous, configuration, &projects),
        held: projects
            .iter()
            .flat_map(|project| project.held.iter().cloned())
            .collect(),
        diagnostics: in_order(
            projects
                .iter()
                .flat_map(|project| project.diagnostics.iter().cloned())
                .chain(nothing_claimed(configuration, parsed, &projects))
                .collect(),
        ),
        configuration: configuration.clone(),
        projects,
    }
}

/// A repository of which nothing is promoted looks like one in which all is well.
fn nothing_claimed(configuration: &Configuration, parsed: &Parsed, projects: &[Arc<Project>]) -> Option<Diagnostic> {
    // Where something is held or cannot be read, an error says so.
    let is_empty = |project: &Arc<Project>| project.claims.claims.is_empty() && project.held.is_empty();
    let all_read = parsed.broken_projects().next().is_none();
    (all_read && !parsed.projects.is_empty() && projects.iter().all(is_empty)).then(|| {
        let count = parsed.projects.len();
        let (noun, verb) = if count == 1 { ("project", "claims") } else { ("projects", "claim") };
        let message = format!("{count} {noun} {verb} no image: nothing is promoted");
        Finding::warning(code::NOTHING_CLAIMED, message)
            .help("a project's manifests are the files of `promotions/PROJECT/` that end in `.toml`; kpromo's, those of `[kpromo]`")
            .at(&configuration.path(), Position::START)
    })
}

/// Judges a project whose files all parse, as far as they name images in `scope`; `None` for one that landfall.toml does not know.
pub(super) fn project(
    configuration: &Configuration,
    name: &Arc<str>,
    files: &ProjectFiles,
    ledger: &Ledger,
    shared: Shared,
    scope: &Scope,
) -> Option<Project> {
    let mut judged = match &configuration.kpromo {
        Some(rule) if files.is_kpromo() => kpromo::judge(configuration, rule, name, files, ledger, &shared, scope),
        _ => {
            let project = configuration.projects.get(name)?;
            claims::judge(configuration, project, &files.files, scope, ledger)
        }
    };
    if let Some(commit) = files.from {
        // The lines that are spoken of are not those of the head.
        let older = judged
            .diagnostics
            .iter_mut()
            .filter(|found| files.is_older(&found.file));
        for diagnostic in older {
            diagnostic.message += &format!(" (in commit {}, whose files are used)", commit.short());
        }
    }
    Some(Project {
        files: files.clone(),
        shared,
        claims: Arc::new(ProjectClaims {
            name: Arc::clone(name),
            claims: judged.claims,
        }),
        held: judged.held,
        diagnostics: in_order(judged.diagnostics),
    })
}

fn desired(
    commit: CommitId,
    previous: Option<&Resolved>,
    configuration: &Configuration,
    projects: &[Arc<Project>],
) -> Desired {
    Desired {
        commit,
        targets: previous
            .map_or(&configuration.targets, |previous| &previous.desired.targets)
            .clone(),
        projects: projects.iter().map(|project| project.claims.clone()).collect(),
    }
}
