//! Reading commits: each one's landfall.toml says which folders belong to it.

use crate::desired;
use crate::model::{BlobId, CommitId, RepoPath, Roots, Tree};
use crate::source::{Entry, Source, SourceError};

/// What is read of a commit; a landfall.toml that did not change is not read again.
#[derive(Debug, Default)]
pub struct RootsCache(Option<(BlobId, Roots)>);

impl RootsCache {
    /// # Errors
    /// Where Git cannot be read.
    pub fn of<S: Source>(&mut self, source: &S, commit: CommitId) -> Result<Roots, SourceError> {
        let landfall = match source.entry(commit, &RepoPath::from(Roots::FILE)) {
            // The commit is read all the same, and says what is too large.
            Err(SourceError::TooLarge { .. }) => None,
            entry => entry?,
        };
        let Some(entry @ Entry::File(blob)) = landfall else {
            return Ok(Roots::default());
        };
        match &self.0 {
            Some((known, roots)) if *known == blob => Ok(roots.clone()),
            _ => {
                let roots = desired::roots(&source.read(entry)?);
                self.0 = Some((blob, roots.clone()));
                Ok(roots)
            }
        }
    }
}

/// A commit's files, those that its landfall.toml names among them.
///
/// # Errors
/// Where Git cannot be read.
pub fn read_tree<S: Source>(source: &S, commit: CommitId) -> Result<Tree, SourceError> {
    let roots = RootsCache::default().of(source, commit)?;
    source.tree(commit, &roots)
}
