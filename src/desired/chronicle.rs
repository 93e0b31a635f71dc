//! The ledger of a history: commit by commit, each at the cost of what it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CommitId, RepoPath, Tree, TreeFile};

use super::configuration::Configuration;
use super::ledger::{Entry, Ledger};
use super::parse::{self, ProjectFiles};
use super::resolve;

/// Follows a history from commit to commit and enters in a ledger what each declares, as if it had been parsed,
/// resolved and recorded whole: only claims that parsed, were granted and did not conflict.
#[derive(Debug)]
pub struct Chronicle {
    ledger: Ledger,
    /// Everything but what stands below `promotions/`.
    rules: Tree,
    /// `None` while the commit is refused.
    configuration: Option<Arc<Configuration>>,
    /// By the first segment below `promotions/`, whether or not landfall.toml knows such a project.
    projects: BTreeMap<String, ProjectFiles>,
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
            projects: BTreeMap::new(),
        };
        if let Some(tree) = at {
            for (path, file) in tree.files {
                chronicle.put(path, Some(file));
            }
            chronicle.read_rules();
        }
        chronicle
    }

    /// Takes in the next commit: the paths at which it differs from the one before, and what stands there now. Returns
    /// what is new in the ledger.
    pub fn advance(&mut self, commit: CommitId, changed: Vec<(RepoPath, Option<TreeFile>)>) -> Vec<Entry> {
        self.rules.commit = commit;
        let mut touched = BTreeSet::new();
        let mut rules_changed = false;
        for (path, file) in changed {
            match self.put(path, file) {
                Some(project) => drop(touched.insert(project)),
                None => rules_changed = true,
            }
        }
        let all = rules_changed && self.read_rules();
        let Some(configuration) = &self.configuration else {
            return Vec::new();
        };
        let judged: Vec<_> = configuration
            .projects
            .iter()
            .filter(|(name, _)| all || touched.contains(&***name))
            .filter_map(|(name, rules)| {
                let files = self.projects.get(&**name).filter(|files| !files.is_broken())?;
                Some(resolve::project(configuration, rules, files, &self.ledger))
            })
            .collect();
        let mut entries = Vec::new();
        for project in judged {
            self.ledger
                .record_project(commit, &configuration.targets, project.claims(), &mut entries);
        }
        entries
    }

    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Keeps what stands at a path; returns the project that it belongs to, if it is one's.
    fn put(&mut self, path: RepoPath, file: Option<TreeFile>) -> Option<String> {
        if let Some(below) = path.as_str().strip_prefix("promotions/") {
            let project = below.split('/').next().unwrap_or_default().to_owned();
            self.projects
                .entry(project.clone())
                .or_default()
                .put(&path, file.as_ref());
            return Some(project);
        }
        match file {
            Some(file) => drop(self.rules.files.insert(path, file)),
            None => drop(self.rules.files.remove(&path)),
        }
        None
    }

    /// Reads landfall.toml and the keys anew; says whether claims have to be judged anew by them.
    fn read_rules(&mut self) -> bool {
        let known = self.configuration.take();
        if !parse::refusals(&self.rules).is_empty() {
            return true;
        }
        if let Some(known) = known.filter(|known| known.is_of(&self.rules)) {
            self.configuration = Some(known);
            return false;
        }
        self.configuration = Configuration::read(&self.rules).ok().map(Arc::new);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::desired::{Accepted, ParseCache, parse, resolve};
    use crate::model::{BlobId, Digest};

    const RULES: &str = "version = 1\n\
        [targets.production]\npublic-name = \"registry.example.com\"\nprimary = \"primary.example.com/i\"\n";

    /// Files by path, as a commit would hold them.
    type Files = BTreeMap<RepoPath, TreeFile>;

    fn regular(text: &str) -> TreeFile {
        let mut blob = [0; 20];
        blob.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..20]);
        TreeFile::Regular {
            blob: BlobId(blob),
            bytes: text.as_bytes().into(),
        }
    }

    fn landfall_toml(mutable: bool, projects: &[&str]) -> TreeFile {
        let mut text = RULES.to_owned();
        if mutable {
            text.push_str("mutable-tags = [\"latest\"]\n");
        }
        for project in projects {
            text.push_str(&format!(
                "[projects.{project}]\nsources = [\"s.example.com/{project}\"]\n\
                 targets = [\"production\"]\npaths = [\"{project}\"]\n"
            ));
        }
        regular(&text)
    }

    fn manifest(tag: &str, content: u8) -> TreeFile {
        regular(&format!(
            "[images.x.tags]\n\"{tag}\" = \"{}\"\n",
            Digest::of(&[content])
        ))
    }

    /// A change that one commit makes.
    fn change() -> impl Strategy<Value = (RepoPath, Option<TreeFile>)> {
        let path = prop_oneof![
            Just("promotions/a/1.toml"),
            Just("promotions/a/2.toml"),
            Just("promotions/b/1.toml"),
            Just("promotions/b/notes.md"),
            Just("promotions/b"),
        ];
        let file = prop_oneof![
            4 => (prop_oneof![Just("v1"), Just("v2"), Just("latest")], 0..3_u8)
                .prop_map(|(tag, content)| Some(manifest(tag, content))),
            1 => Just(Some(regular("broken"))),
            1 => Just(Some(TreeFile::Symlink)),
            1 => Just(None),
        ];
        let rules = prop_oneof![
            3 => Just(Some(landfall_toml(false, &["a", "b"]))),
            1 => Just(Some(landfall_toml(true, &["a", "b"]))),
            1 => Just(Some(landfall_toml(false, &["b"]))),
            1 => Just(Some(regular("broken"))),
            1 => Just(None),
        ];
        prop_oneof![
            5 => (path, file).prop_map(|(path, file)| (path.into(), file)),
            1 => rules.prop_map(|file| ("landfall.toml".into(), file)),
            1 => Just(("promotions".into(), Some(TreeFile::Symlink))),
            1 => Just(("promotions".into(), None)),
        ]
    }

    fn tree(number: u8, files: &Files) -> Tree {
        Tree {
            commit: CommitId([number; 20]),
            files: files.clone(),
        }
    }

    proptest! {
        /// However a history goes, its ledger is the one that whole commits make.
        #[test]
        fn the_ledger_is_that_of_whole_commits(
            commits in proptest::collection::vec(proptest::collection::vec(change(), 1..3), 1..12),
            resumed in 0..12_usize,
        ) {
            let mut files = Files::from([("landfall.toml".into(), landfall_toml(false, &["a", "b"]))]);
            let mut whole = Ledger::default();
            let mut chronicle = Chronicle::new(Ledger::default(), None);
            chronicle.advance(CommitId([0; 20]), files.clone().into_iter().map(|(path, file)| (path, Some(file))).collect());
            for (number, changes) in (1..).zip(commits) {
                for (path, file) in changes.clone() {
                    match file {
                        Some(file) => files.insert(path, file),
                        None => files.remove(&path),
                    };
                }
                let tree = tree(number, &files);
                let mut expected = Vec::new();
                if let Ok(parsed) = parse(&tree, &mut ParseCache::default()) {
                    let resolved = resolve(&parsed, &Accepted { ledger: &whole }, None);
                    expected = whole.record(&resolved.desired, None);
                }
                prop_assert_eq!(chronicle.advance(tree.commit, changes), expected);
                if usize::from(number) == resumed {
                    chronicle = Chronicle::new(chronicle.into_ledger(), Some(tree));
                }
            }
            prop_assert_eq!(chronicle.into_ledger(), whole);
        }
    }
}
