//! kpromo's folders, followed from commit to commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desired::configuration::Configuration;
use crate::desired::kpromo::{self, Shared};
use crate::desired::parse_cache::ParseCache;
use crate::desired::project_files::ProjectFiles;
use crate::desired::scope::Scope;
use crate::model::{CommitId, RepoPath, Tree, TreeFile};

use super::differences;

/// What stands in kpromo's folders, and what of it was judged.
#[derive(Debug)]
pub(super) struct KpromoFolders {
    tree: Tree,
    cache: ParseCache,
    /// What was judged last: the projects that could be read.
    judged: BTreeMap<Arc<str>, ProjectFiles>,
    touched: bool,
    is_refused: bool,
}

impl Default for KpromoFolders {
    fn default() -> Self {
        Self {
            tree: Tree {
                commit: CommitId([0; 20]),
                files: BTreeMap::new(),
            },
            cache: ParseCache::default(),
            judged: BTreeMap::new(),
            touched: false,
            is_refused: false,
        }
    }
}

impl KpromoFolders {
    /// Keeps what stands at a path.
    pub fn put(&mut self, path: RepoPath, file: Option<TreeFile>) {
        self.touched = true;
        match file {
            Some(file) => drop(self.tree.files.insert(path, file)),
            None => drop(self.tree.files.remove(&path)),
        }
    }

    /// Whether the commit is refused because of what stands there.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The projects of which something has to be judged anew, and what: what changed, or `all` of them.
    pub fn follow(
        &mut self,
        configuration: &Configuration,
        all: bool,
    ) -> (Vec<(Arc<str>, ProjectFiles, Shared)>, Scope) {
        let Some(rule) = &configuration.kpromo else {
            self.is_refused = false;
            self.judged.clear();
            return (Vec::new(), Scope::default());
        };
        let touched = std::mem::take(&mut self.touched);
        // What was refused may have been refused by other rules.
        if !touched && !all && !self.is_refused {
            return (Vec::new(), Scope::default());
        }
        self.cache.begin();
        let found = kpromo::projects(configuration, rule, &self.tree, &mut self.cache);
        self.is_refused = !found.refusals.is_empty();
        if self.is_refused {
            self.judged.clear();
            return (Vec::new(), Scope::default());
        }
        let readable: BTreeMap<Arc<str>, ProjectFiles> = found
            .projects
            .into_iter()
            .filter(|(_, files)| !files.is_broken())
            .collect();
        let before = std::mem::replace(&mut self.judged, readable);
        let mut scope = if all { Scope::All } else { Scope::default() };
        let names: BTreeSet<&Arc<str>> = before.keys().chain(self.judged.keys()).collect();
        for name in names {
            add_differences(before.get(name), self.judged.get(name), &mut scope);
        }
        let judged = &self.judged;
        scope.close(|| judged.values().flat_map(kpromo::images));
        if scope.is_empty() {
            return (Vec::new(), scope);
        }
        let mut shared = kpromo::between_projects(configuration, rule, self.judged.iter(), &scope);
        let is_judged = |files: &ProjectFiles| kpromo::images(files).iter().any(|image| scope.holds(&image.name.value));
        let judged = self.judged.iter().filter(|(_, files)| is_judged(files));
        let judged = judged
            .map(|(name, files)| (Arc::clone(name), files.clone(), shared.remove(name).unwrap_or_default()))
            .collect();
        (judged, scope)
    }
}

/// Adds what two versions of a project do not claim alike.
fn add_differences(before: Option<&ProjectFiles>, after: Option<&ProjectFiles>, scope: &mut Scope) {
    match before.zip(after) {
        Some((before, after)) if before.is_same(after) => {}
        Some((old, new)) if kpromo::go_alike(old, new) => {
            differences::between_images(kpromo::images(old), kpromo::images(new), scope);
        }
        _ => {
            for files in [before, after].into_iter().flatten() {
                differences::all_images(kpromo::images(files), scope);
            }
        }
    }
}
