//! What was parsed before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{BlobId, Diagnostic, RepoPath, Tree, TreeFile};

use super::configuration::Configuration;
use super::limits::LIMITS;
use super::manifest_file::ManifestFile;

/// Parsed files by path and blob id, so that a file that did not change is never parsed again.
#[derive(Debug, Default)]
pub struct ParseCache {
    files: HashMap<(RepoPath, BlobId), (Arc<ManifestFile>, u64)>,
    configuration: Option<Arc<Configuration>>,
    parses: u64,
}

impl ParseCache {
    pub(super) fn configuration(&mut self, tree: &Tree) -> Result<Arc<Configuration>, Vec<Diagnostic>> {
        if let Some(known) = self.configuration.as_ref().filter(|known| known.is_of(tree)) {
            return Ok(known.clone());
        }
        let configuration = Arc::new(Configuration::read(tree)?);
        self.configuration = Some(configuration.clone());
        Ok(configuration)
    }

    /// The file, read by `read` where it has not been. Which function that is must follow from the path.
    pub(super) fn file(
        &mut self,
        path: &RepoPath,
        file: &TreeFile,
        read: fn(&RepoPath, &TreeFile) -> ManifestFile,
    ) -> Arc<ManifestFile> {
        let TreeFile::Regular { blob, .. } = file else {
            return Arc::new(read(path, file));
        };
        let entry = self
            .files
            .entry((path.clone(), *blob))
            .or_insert_with(|| (Arc::new(read(path, file)), 0));
        entry.1 = self.parses;
        entry.0.clone()
    }

    /// Begins another round: what is not met in the next rounds is forgotten.
    pub(super) fn begin(&mut self) {
        self.parses += 1;
        self.forget_old();
    }

    pub(super) fn forget_old(&mut self) {
        let oldest = self.parses.saturating_sub(LIMITS.kept_parses);
        self.files.retain(|_, (_, met)| *met >= oldest);
    }
}
