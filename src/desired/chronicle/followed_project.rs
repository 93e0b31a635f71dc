//! A project of ours, followed from commit to commit.

use std::sync::Arc;

use crate::desired::claims;
use crate::desired::configuration::Configuration;
use crate::desired::ledger::Ledger;
use crate::desired::manifest_file::{Content, ManifestFile};
use crate::desired::projects::Project;
use crate::desired::promotions_directory::read;
use crate::desired::promotions_file::{Image, PromotionsFile};
use crate::desired::scope::Scope;
use crate::model::{Claim, RepoPath, TreeFile};

use super::differences;

/// Files under `promotions/` with the same first segment, whether or not landfall.toml knows such a project.
#[derive(Debug, Default)]
pub(super) struct FollowedProject {
    /// Sorted by path.
    files: Vec<Arc<ManifestFile>>,
    /// What stood there when following began, and was not needed yet.
    unread: Vec<(RepoPath, TreeFile)>,
    /// What changed since it was judged last.
    pending: Scope,
    /// The images of which something was held when they were judged last, at least these.
    held: Scope,
}

impl FollowedProject {
    /// Keeps what stands at a path where following begins: it was judged already.
    pub fn begin_with(&mut self, path: RepoPath, file: TreeFile) {
        self.unread.push((path, file));
        self.held = Scope::All;
    }

    /// Takes in what stands at a path now.
    pub fn put(&mut self, path: &RepoPath, file: Option<&TreeFile>) {
        self.read_all();
        let file = file.and_then(|file| read(path, file)).map(Arc::new);
        let at = self.files.binary_search_by(|known| known.path.cmp(path));
        let before = at.ok().map(|at| Arc::clone(&self.files[at]));
        add_differences(before.as_deref(), file.as_deref(), &mut self.pending);
        match (at, file) {
            (Ok(at), Some(file)) => self.files[at] = file,
            (Ok(at), None) => drop(self.files.remove(at)),
            (Err(at), Some(file)) => self.files.insert(at, file),
            (Err(_), None) => {}
        }
    }

    /// Has more judged anew.
    pub fn reach(&mut self, scope: Scope) {
        self.pending.extend(scope);
    }

    /// Has what was held judged anew.
    pub fn reach_held(&mut self) {
        self.pending.extend(self.held.clone());
    }

    /// Whether nothing has to be judged anew.
    pub fn is_judged(&self) -> bool {
        self.pending.is_empty()
    }

    /// Judges what changed. Where a file does not parse, nothing: it is judged once all do.
    pub fn judge(&mut self, configuration: &Configuration, project: &Project, ledger: &Ledger) -> Vec<Claim> {
        self.read_all();
        if self.is_broken() {
            return Vec::new();
        }
        let mut scope = std::mem::take(&mut self.pending);
        scope.close(|| self.files.iter().flat_map(|file| images(promotions_of(Some(file)))));
        let judged = claims::judge(configuration, project, &self.files, &scope, ledger);
        if scope == Scope::All {
            self.held = Scope::default();
        }
        for held in &judged.held {
            self.held.add(&held.repository);
        }
        judged.claims
    }

    /// Forgets what is to be judged anew: landfall.toml does not know the project, and once it does all is.
    pub fn leave(&mut self) {
        self.pending = Scope::default();
    }

    fn is_broken(&self) -> bool {
        self.files.iter().any(|file| file.content.is_none())
    }

    fn read_all(&mut self) {
        if self.unread.is_empty() {
            return;
        }
        let unread = std::mem::take(&mut self.unread);
        let found = unread.iter().filter_map(|(path, file)| read(path, file));
        self.files = found.map(Arc::new).collect();
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        if self.is_broken() {
            // Nobody knows what of it was judged before it broke.
            self.pending = Scope::All;
        }
    }
}

/// Adds what two versions of a file do not claim alike; a version that does not parse names nothing.
fn add_differences(before: Option<&ManifestFile>, after: Option<&ManifestFile>, scope: &mut Scope) {
    let (before, after) = (promotions_of(before), promotions_of(after));
    match before.zip(after) {
        Some((old, new)) if is_routed_alike(old, new) => {
            differences::between_images(images(before), images(after), scope);
        }
        _ => {
            differences::all_images(images(before), scope);
            differences::all_images(images(after), scope);
        }
    }
}

fn images(file: Option<&PromotionsFile>) -> &[Image] {
    file.and_then(|file| file.images.as_ref())
        .map_or(&[], |images| &images.0)
}

fn promotions_of(file: Option<&ManifestFile>) -> Option<&PromotionsFile> {
    match file?.content.as_ref()? {
        Content::Promotions(content) => Some(content),
        Content::KpromoManifest(_) | Content::KpromoImages(_) => None,
    }
}

fn is_routed_alike(before: &PromotionsFile, after: &PromotionsFile) -> bool {
    let source = |file: &PromotionsFile| file.source.as_ref().map(|source| source.value.clone());
    let target = |file: &PromotionsFile| file.target.as_ref().map(|target| target.value.clone());
    source(before) == source(after) && target(before) == target(after)
}
