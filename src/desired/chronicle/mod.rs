//! The ledger of a history: commit by commit, each at the cost of what it changed.

mod differences;
mod followed_project;
mod kpromo_folders;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CommitId, ProjectClaims, RepoPath, Roots, Tree, TreeFile};

use super::configuration::Configuration;
use super::ledger::{Entry, Ledger};
use super::parse;
use super::reach::Reach;
use super::resolve;
use followed_project::FollowedProject;
use kpromo_folders::KpromoFolders;

/// Follows a history from commit to commit and enters in a ledger what each declares, as if it had been parsed,
/// resolved and recorded whole: only claims that parsed, were granted and did not conflict.
///
/// What is judged alike at a commit as at the one before is not judged again: its claims stand in the ledger already,
/// or are held for the same reason.
#[derive(Debug)]
pub struct Chronicle {
    ledger: Ledger,
    /// landfall.toml and what belongs to it.
    rules: Tree,
    /// `None` while the commit is refused.
    configuration: Option<Arc<Configuration>>,
    /// The rules that claims were judged by last.
    judged_by: Option<Arc<Configuration>>,
    /// By the first segment below `promotions/`.
    projects: BTreeMap<String, FollowedProject>,
    /// The projects that have to be judged anew.
    pending: BTreeSet<String>,
    kpromo: KpromoFolders,
}

impl Chronicle {
    /// Begins with what `ledger` holds already, which is what was declared up to and with `at`; without a commit, at
    /// the beginning of history.
    #[must_use]
    pub fn new(ledger: Ledger, at: Option<Tree>) -> Self {
        let commit = at.as_ref().map_or(CommitId([0; 20]), |tree| tree.commit);
        let mut chronicle = Self {
            ledger,
            rules: Tree {
                commit,
                files: BTreeMap::new(),
            },
            configuration: None,
            judged_by: None,
            projects: BTreeMap::new(),
            pending: BTreeSet::new(),
            kpromo: KpromoFolders::default(),
        };
        if let Some(tree) = at {
            for (path, file) in tree.files {
                match Place::of(&path) {
                    Place::Project(project) => chronicle.project(project).begin_with(path, file),
                    Place::Rules => drop(chronicle.rules.files.insert(path, file)),
                    Place::Kpromo => chronicle.kpromo.put(path, Some(file)),
                }
            }
            chronicle.begin();
        }
        chronicle
    }

    /// Takes in the next commit: the paths at which it differs from the one before, and what stands there now. Returns
    /// what is new in the ledger.
    pub fn advance(&mut self, commit: CommitId, changed: Vec<(RepoPath, Option<TreeFile>)>) -> Vec<Entry> {
        self.rules.commit = commit;
        let mut rules_changed = false;
        for (path, file) in changed {
            match (Place::of(&path), file) {
                (Place::Project(name), file) => {
                    let project = self.project(name.clone());
                    project.put(&path, file.as_ref());
                    if !project.is_judged() {
                        self.pending.insert(name);
                    }
                }
                (Place::Kpromo, file) => self.kpromo.put(path, file),
                (Place::Rules, file) => {
                    rules_changed = true;
                    match file {
                        Some(file) => drop(self.rules.files.insert(path, file)),
                        None => drop(self.rules.files.remove(&path)),
                    }
                }
            }
        }
        if rules_changed {
            self.read_rules();
        }
        let Some(configuration) = self.configuration.clone() else {
            return Vec::new();
        };
        let judged = self.judge(&configuration);
        let mut entries = Vec::new();
        for project in judged {
            self.ledger
                .record_claims(commit, &configuration.targets, &project.claims, &mut entries);
        }
        entries
    }

    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    fn project(&mut self, name: String) -> &mut FollowedProject {
        self.projects.entry(name).or_default()
    }

    /// Takes what stands there as judged, as far as it could be.
    fn begin(&mut self) {
        self.read_rules();
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        self.kpromo.follow(&configuration, true);
        if !self.kpromo.is_refused() {
            self.judged_by = Some(configuration);
        }
    }

    /// The claims of what has to be judged anew, by project, sorted by name.
    fn judge(&mut self, configuration: &Arc<Configuration>) -> Vec<Arc<ProjectClaims>> {
        let judged_by = self.judged_by.clone();
        let same_rules = judged_by
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, configuration));
        let (of_kpromo, scope) = self.kpromo.follow(configuration, !same_rules);
        if self.kpromo.is_refused() {
            return Vec::new();
        }
        let mut judged: Vec<_> = of_kpromo
            .into_iter()
            .filter_map(|(name, files, shared)| {
                let project = resolve::project(configuration, &name, &files, &self.ledger, shared, &scope)?;
                Some(project.into_claims())
            })
            .collect();
        if !same_rules {
            let reach = Reach::between(judged_by.as_deref(), configuration);
            for (name, project) in &configuration.projects {
                let followed = self.project(name.to_string());
                followed.reach(reach.of(project));
                if reach.releases() {
                    followed.reach_held();
                }
                self.pending.insert(name.to_string());
            }
            self.judged_by = Some(Arc::clone(configuration));
        }
        let (projects, ledger) = (&mut self.projects, &self.ledger);
        self.pending.retain(|name| {
            let Some(followed) = projects.get_mut(name) else {
                return false;
            };
            match configuration.projects.get(name.as_str()) {
                Some(project) if !followed.is_judged() => {
                    let claims = followed.judge(configuration, project, ledger);
                    judged.push(Arc::new(ProjectClaims {
                        name: Arc::clone(&project.name),
                        claims,
                    }));
                }
                Some(_) => {}
                None => followed.leave(),
            }
            !followed.is_judged()
        });
        judged.sort_by(|one, other| one.name.cmp(&other.name));
        judged
    }

    /// Reads landfall.toml and the keys anew, where they differ.
    fn read_rules(&mut self) {
        let known = self.configuration.take().or_else(|| self.judged_by.clone());
        if !parse::refusals(&self.rules).is_empty() {
            return;
        }
        self.configuration = match known.filter(|known| known.is_of(&self.rules)) {
            Some(known) => Some(known),
            None => Configuration::read(&self.rules).ok().map(Arc::new),
        };
    }
}

/// What a file belongs to.
enum Place {
    Project(String),
    Rules,
    Kpromo,
}

impl Place {
    fn of(path: &RepoPath) -> Self {
        if let Some(below) = path.as_str().strip_prefix("promotions/") {
            Self::Project(below.split('/').next().unwrap_or_default().to_owned())
        } else if Roots::default().reads(path) {
            Self::Rules
        } else {
            Self::Kpromo
        }
    }
}
