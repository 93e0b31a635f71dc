//! kpromo's folders, followed from commit to commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desired::configuration::Configuration;
use crate::desired::kpromo::{self, Shared};
use crate::desired::parse_cache::ParseCache;
use crate::desired::project_files::ProjectFiles;
use crate::model::{CommitId, RepoPath, Tree, TreeFile};

/// What stands in kpromo's folders, and what of it was judged.
#[derive(Debug)]
pub(super) struct KpromoFolders {
    tree: Tree,
    cache: ParseCache,
    /// What was judged last, and what others took from it.
    judged: BTreeMap<Arc<str>, (ProjectFiles, Shared)>,
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

    /// The projects that have to be judged anew: those that changed, or `all` of them.
    pub fn follow(&mut self, configuration: &Configuration, all: bool) -> Vec<(Arc<str>, ProjectFiles, Shared)> {
        let Some(rule) = &configuration.kpromo else {
            self.is_refused = false;
            self.judged.clear();
            return Vec::new();
        };
        let touched = std::mem::take(&mut self.touched);
        // What was refused may have been refused by other rules.
        if !touched && !all && !self.is_refused {
            return Vec::new();
        }
        self.cache.begin();
        let found = kpromo::projects(configuration, rule, &self.tree, &mut self.cache);
        self.is_refused = !found.refusals.is_empty();
        if self.is_refused {
            self.judged.clear();
            return Vec::new();
        }
        let readable = || found.projects.iter().filter(|(_, files)| !files.is_broken());
        let mut shared = kpromo::between_projects(configuration, rule, readable());
        let known = std::mem::take(&mut self.judged);
        let mut changed = Vec::new();
        for (name, files) in readable() {
            let shared = shared.remove(name).unwrap_or_default();
            let same = known
                .get(name)
                .is_some_and(|(before, taken)| before.is_same(files) && *taken == shared);
            if all || !same {
                changed.push((Arc::clone(name), files.clone(), shared.clone()));
            }
            self.judged.insert(Arc::clone(name), (files.clone(), shared));
        }
        changed
    }
}
