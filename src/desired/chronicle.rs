//! The ledger of a history: commit by commit, each at the cost of what it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CommitId, RepoPath, Roots, Tree, TreeFile};

use super::configuration::Configuration;
use super::kpromo::{self, Shared};
use super::ledger::{Entry, Ledger};
use super::parse::{self, ParseCache, ProjectFiles};
use super::resolve;

/// Follows a history from commit to commit and enters in a ledger what each declares, as if it had been parsed,
/// resolved and recorded whole: only claims that parsed, were granted and did not conflict.
#[derive(Debug)]
pub struct Chronicle {
    ledger: Ledger,
    /// landfall.toml and what belongs to it.
    rules: Tree,
    /// `None` while the commit is refused.
    configuration: Option<Arc<Configuration>>,
    /// By the first segment below `promotions/`, whether or not landfall.toml knows such a project.
    projects: BTreeMap<String, ProjectFiles>,
    kpromo: KpromoChronicle,
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
            kpromo: KpromoChronicle::default(),
        };
        if let Some(tree) = at {
            for (path, file) in tree.files {
                chronicle.put(path, Some(file));
            }
            chronicle.read_rules();
            if let Some(configuration) = &chronicle.configuration {
                chronicle.kpromo.follow(configuration, true);
            }
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
                Place::Project(project) => drop(touched.insert(project)),
                Place::Rules => rules_changed = true,
                Place::Kpromo => {}
            }
        }
        let anew = rules_changed && self.read_rules();
        let Some(configuration) = &self.configuration else {
            return Vec::new();
        };
        let was_refused = self.kpromo.is_refused;
        let of_kpromo = self.kpromo.follow(configuration, anew);
        if self.kpromo.is_refused {
            return Vec::new();
        }
        let all = anew || was_refused;
        let own = configuration
            .projects
            .keys()
            .filter(|name| all || touched.contains(&***name));
        let own = own.filter_map(|name| {
            let files = self.projects.get(&**name).filter(|files| !files.is_broken())?;
            resolve::project(configuration, name, files, &self.ledger, Shared::default())
        });
        let of_kpromo = of_kpromo
            .into_iter()
            .filter_map(|(name, files, shared)| resolve::project(configuration, &name, &files, &self.ledger, shared));
        let mut judged: Vec<_> = own.chain(of_kpromo).collect();
        judged.sort_by(|a, b| a.claims().name.cmp(&b.claims().name));
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

    /// Keeps what stands at a path.
    fn put(&mut self, path: RepoPath, file: Option<TreeFile>) -> Place {
        if let Some(below) = path.as_str().strip_prefix("promotions/") {
            let project = below.split('/').next().unwrap_or_default().to_owned();
            self.projects
                .entry(project.clone())
                .or_default()
                .put(&path, file.as_ref());
            return Place::Project(project);
        }
        let (files, place) = if Roots::default().reads(&path) {
            (&mut self.rules.files, Place::Rules)
        } else {
            self.kpromo.touched = true;
            (&mut self.kpromo.tree.files, Place::Kpromo)
        };
        match file {
            Some(file) => drop(files.insert(path, file)),
            None => drop(files.remove(&path)),
        }
        place
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

/// What a file belongs to.
enum Place {
    Project(String),
    Rules,
    Kpromo,
}

/// kpromo's folders, followed from commit to commit.
#[derive(Debug)]
struct KpromoChronicle {
    tree: Tree,
    cache: ParseCache,
    /// What was judged last, and what others took from it.
    judged: BTreeMap<Arc<str>, (ProjectFiles, Shared)>,
    touched: bool,
    /// The commit is refused because of what stands there.
    is_refused: bool,
}

impl Default for KpromoChronicle {
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

impl KpromoChronicle {
    /// The projects that have to be judged anew: those that changed, or `all` of them.
    fn follow(&mut self, configuration: &Configuration, all: bool) -> Vec<(Arc<str>, ProjectFiles, Shared)> {
        let Some(rule) = &configuration.kpromo else {
            self.is_refused = false;
            self.judged.clear();
            return Vec::new();
        };
        let touched = std::mem::take(&mut self.touched);
        if !touched && !all {
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

    fn with_kpromo(mutable: bool, root: &str) -> TreeFile {
        let TreeFile::Regular { bytes, .. } = landfall_toml(mutable, &["a", "b"]) else {
            unreachable!("it is a file")
        };
        let mut text = String::from_utf8(bytes.to_vec()).unwrap();
        text.push_str(&format!(
            "[kpromo]\nroot = \"{root}\"\npublic-name = \"k.example.com\"\n\
             [kpromo.endpoints]\nprimary = \"k1.example.com/i\"\neurope = \"k2.example.com/i\"\n"
        ));
        regular(&text)
    }

    /// A change below kpromo's folders: two projects, one of which can come to claim what the other does.
    fn kpromo_change() -> impl Strategy<Value = (RepoPath, Option<TreeFile>)> {
        let project = prop_oneof![Just("m"), Just("n")];
        let registries =
            (project.clone(), prop_oneof![Just("x"), Just("y")], any::<bool>()).prop_map(|(project, path, both)| {
                let mut text = format!(
                    "registries:\n- {{name: s.example.com/{project}, src: true}}\n- name: k1.example.com/i/{path}\n"
                );
                if both {
                    text.push_str(&format!("- name: k2.example.com/i/{path}\n"));
                }
                (
                    format!("manifests/{project}/promoter-manifest.yaml"),
                    Some(regular(&text)),
                )
            });
        let images = (
            project.clone(),
            prop_oneof![Just("v1"), Just("v2"), Just("latest")],
            0..3_u8,
        )
            .prop_map(|(project, tag, content)| {
                let text = format!("- name: x\n  dmap:\n    \"{}\": [{tag}]\n", Digest::of(&[content]));
                (format!("images/{project}/images.yaml"), Some(regular(&text)))
            });
        let other =
            (project, prop_oneof![Just("manifests"), Just("images")], 0..3_u8).prop_map(|(project, folder, what)| {
                let name = if folder == "images" {
                    "images.yaml"
                } else {
                    "promoter-manifest.yaml"
                };
                match what {
                    0 => (format!("{folder}/{project}/{name}"), Some(regular("[broken"))),
                    1 => (format!("{folder}/{project}/{name}"), None),
                    _ => (format!("{folder}/{project}/README.md"), Some(regular("read me"))),
                }
            });
        prop_oneof![3 => registries, 5 => images, 1 => other].prop_map(|(path, file)| (path.as_str().into(), file))
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
            3 => any::<bool>().prop_map(|mutable| Some(with_kpromo(mutable, "."))),
            1 => Just(Some(with_kpromo(false, "elsewhere"))),
            1 => Just(Some(regular("broken"))),
            1 => Just(None),
        ];
        prop_oneof![
            5 => (path, file).prop_map(|(path, file)| (path.into(), file)),
            8 => kpromo_change(),
            1 => Just(("manifests".into(), Some(TreeFile::Symlink))),
            1 => Just(("manifests".into(), None)),
            2 => rules.prop_map(|file| ("landfall.toml".into(), file)),
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
            commits in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 1..16),
            resumed in 0..16_usize,
        ) {
            let of_kpromo = [
                ("manifests/m/promoter-manifest.yaml", "registries: [{name: s.example.com/m, src: true}, {name: k1.example.com/i/x}]"),
                ("images/m/images.yaml", "[]"),
            ];
            let mut files = Files::from([("landfall.toml".into(), with_kpromo(false, "."))]);
            files.extend(of_kpromo.map(|(path, text)| (path.into(), regular(text))));
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
