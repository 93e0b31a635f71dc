//! A manifest, ours or kpromo's, read from one file.

use crate::model::{BlobId, Diagnostic, RepoPath, RepositoryPath, TreeFile};

use super::finding::Report;
use super::kpromo;
use super::promotions_file::{ImageTable, PromotionsFile};
use super::shape::Located;

/// A manifest, ours or kpromo's, read.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub path: RepoPath,
    /// `None` for what is no file.
    pub blob: Option<BlobId>,
    /// `None` where the file does not parse.
    pub content: Option<Content>,
    pub diagnostics: Vec<Diagnostic>,
}

/// What a file says.
#[derive(Debug)]
pub(super) enum Content {
    Promotions(PromotionsFile),
    KpromoManifest(kpromo::Manifest),
    KpromoImages(Vec<kpromo::Image>),
}

impl Content {
    /// The images that it names, in the order of the file.
    pub fn images(&self) -> Vec<(&Located<RepositoryPath>, &ImageTable)> {
        match self {
            Self::Promotions(file) => file
                .images
                .iter()
                .flatten()
                .map(|(name, image)| (name, image))
                .collect(),
            Self::KpromoManifest(manifest) => manifest
                .images
                .as_ref()
                .map_or_else(Vec::new, |images| of_kpromo(&images.value)),
            Self::KpromoImages(images) => of_kpromo(images),
        }
    }
}

fn of_kpromo(images: &[kpromo::Image]) -> Vec<(&Located<RepositoryPath>, &ImageTable)> {
    images.iter().map(|image| (&image.name, &image.table)).collect()
}

impl ManifestFile {
    pub fn read(path: &RepoPath, file: &TreeFile, content: Option<Content>, report: Report) -> Self {
        Self {
            path: path.clone(),
            blob: match file {
                TreeFile::Regular { blob, .. } => Some(*blob),
                TreeFile::Symlink | TreeFile::TooLarge { .. } => None,
            },
            content,
            diagnostics: report.into_diagnostics(),
        }
    }

    /// A file that is not there, or not as it should be.
    pub fn broken(path: &RepoPath, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            path: path.clone(),
            blob: None,
            content: None,
            diagnostics,
        }
    }
}
