//! A manifest, ours or kpromo's, read from one file.

use crate::model::{BlobId, Diagnostic, RepoPath, TreeFile};

use super::finding::Report;
use super::kpromo;
use super::promotions_file::{Image, PromotionsFile};

/// A manifest, ours or kpromo's, read.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub path: RepoPath,
    /// `None` for what is no file.
    pub blob: Option<BlobId>,
    /// `None` where the file does not parse. Lines and images that are wrong are held in it.
    pub content: Option<Content>,
    pub diagnostics: Vec<Diagnostic>,
}

/// What a file says.
#[derive(Debug)]
pub(super) enum Content {
    Promotions(PromotionsFile),
    KpromoManifest(kpromo::Manifest),
    KpromoImages(Vec<Image>),
}

impl Content {
    /// The images that it names, in the order of the file.
    pub fn images(&self) -> &[Image] {
        match self {
            Self::Promotions(file) => file.images.as_ref().map_or(&[], |images| &images.0),
            Self::KpromoManifest(manifest) => manifest.images.as_ref().map_or(&[], |images| &images.value),
            Self::KpromoImages(images) => images,
        }
    }
}

impl ManifestFile {
    pub fn read(path: &RepoPath, file: &TreeFile, content: Option<Content>, report: Report) -> Self {
        Self {
            path: path.clone(),
            blob: match file {
                TreeFile::Regular { blob, .. } => Some(*blob),
                _ => None,
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
