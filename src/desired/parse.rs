//! A commit's files, read project by project.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{CommitId, Diagnostic, Roots, Tree};

use super::configuration::Configuration;
use super::finding::in_order;
use super::parse_cache::ParseCache;
use super::project_files::ProjectFiles;
use super::promotions_directory::{
    found_below, read_files, read_project, root_is_no_directory, suspicious, unknown_project,
};
use super::{keys, kpromo};

/// What refuses a commit beside its `landfall.toml`.
pub(super) fn refusals(tree: &Tree) -> Vec<Diagnostic> {
    let mut refusals = keys::find_private(tree);
    refusals.extend(root_is_no_directory(tree));
    refusals
}

/// A commit, parsed: what stands in each file, not yet judged.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub commit: CommitId,
    pub(super) configuration: Arc<Configuration>,
    /// Every project of landfall.toml, and kpromo's.
    pub(super) projects: BTreeMap<Arc<str>, ProjectFiles>,
    diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Projects with files that do not parse, and no older files in their place. They have no claims.
    pub fn broken_projects(&self) -> impl Iterator<Item = &str> {
        let broken = self.projects.iter().filter(|(_, files)| files.is_broken());
        broken.map(|(name, _)| &**name)
    }

    /// Every project of `landfall.toml` and of kpromo's manifests, sorted.
    pub fn projects(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(|name| &**name)
    }

    /// What is read of this commit.
    #[must_use]
    pub fn roots(&self) -> Roots {
        let rule = self.configuration.kpromo.as_ref();
        rule.map(|rule| rule.root.roots()).unwrap_or_default()
    }

    /// Takes a broken project's files from `older`, if all of them parse there; says whether they do.
    ///
    /// The caller offers the first-parent ancestors from the newest on. Only the project's files count: whether
    /// `older`'s landfall.toml is valid, or knows the project, does not matter, since the head's is what judges.
    /// What is wrong at the head stays in [`Self::diagnostics`].
    pub fn substitute(&mut self, project: &str, older: &Tree, cache: &mut ParseCache) -> bool {
        let Some(files) = self.projects.get_mut(project) else {
            return false;
        };
        let rule = self.configuration.kpromo.as_ref().filter(|_| files.is_kpromo());
        let found = match rule {
            Some(rule) => kpromo::older(rule, project, files, older, cache),
            None => read_project(project, older, cache),
        };
        let whole = !found.is_broken();
        if whole {
            *files = found.of_older(older.commit);
        }
        whole
    }

    /// These files as another revision's landfall.toml would judge them; what is wrong with them is left out.
    pub(super) fn under_the_rules_of(&self, other: &Self) -> Self {
        Self {
            configuration: other.configuration.clone(),
            diagnostics: Vec::new(),
            ..self.clone()
        }
    }

    /// What is wrong with the files themselves, sorted by place.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// Parses a commit's files. A project whose files do not parse is listed by [`Parsed::broken_projects`].
///
/// # Errors
/// Everything that is wrong in the commit, where `landfall.toml` or a key that it names is broken or missing: without
/// it nothing can be judged, and the commit is refused.
pub fn parse(tree: &Tree, cache: &mut ParseCache) -> Result<Parsed, Vec<Diagnostic>> {
    cache.begin();
    let mut refusals = refusals(tree);
    let configuration = match cache.configuration(tree) {
        Ok(configuration) => Some(configuration),
        Err(errors) => {
            refusals.extend(errors);
            None
        }
    };

    let mut found = found_below(tree);
    let mut diagnostics = Vec::new();
    let mut projects = BTreeMap::new();
    if let Some(configuration) = &configuration {
        diagnostics.extend_from_slice(&configuration.warnings);
        for name in configuration.projects.keys() {
            let files = found.remove(&**name).unwrap_or_default();
            projects.insert(name.clone(), read_files(&files, cache));
            diagnostics.extend(files.iter().filter_map(|(path, _)| suspicious(path)));
        }
        let known = || configuration.projects.keys().map(|name| &**name);
        diagnostics.extend(found.iter().map(|(name, files)| unknown_project(name, files, known())));
        if let Some(rule) = &configuration.kpromo {
            let of_kpromo = kpromo::projects(configuration, rule, tree, cache);
            projects.extend(of_kpromo.projects);
            diagnostics.extend(of_kpromo.diagnostics);
            refusals.extend(of_kpromo.refusals);
        }
    } else {
        for (name, files) in &found {
            projects.insert(Arc::from(*name), read_files(files, cache));
        }
    }
    let of_files = projects.values().flat_map(|project| &project.files);
    diagnostics.extend(of_files.flat_map(|file| file.diagnostics.iter().cloned()));

    match configuration {
        Some(configuration) if refusals.is_empty() => Ok(Parsed {
            commit: tree.commit,
            configuration,
            projects,
            diagnostics: in_order(diagnostics),
        }),
        _ => {
            refusals.extend(diagnostics);
            Err(in_order(refusals))
        }
    }
}
