//! What fuzz targets reach of the imports: reading a file, without registries and without writing.

use super::document::parse;
use super::report::{Mistake, Report};
use super::versions::{masterminds, regclient};
use super::wanted::{AllWanted, Choice, Images};
use super::{reference, regsync, skopeo_sync};
use crate::model::Prefix;
use crate::yaml::Node;

/// Reads a file of regsync's. A tag is then held against what was read.
pub fn read_regsync(bytes: &[u8], tag: &str) {
    read(bytes, tag, regsync::read);
}

/// Reads a file of `skopeo sync --src yaml`.
pub fn read_skopeo_sync(bytes: &[u8], to: &Prefix, scoped: bool, tag: &str) {
    read(bytes, tag, |document, report| {
        skopeo_sync::read(document, to, scoped, report)
    });
}

/// Reads a text as a reference and as a range of versions of either kind.
pub fn read_text(text: &str, version: &str) {
    if let Ok(reference) = reference::parse(text) {
        assert_eq!(
            reference::repository(&reference.repository.to_string()),
            Ok(reference.repository)
        );
    }
    if let Some(range) = regclient::Range::parse(text) {
        _ = range.contains(version);
    }
    if let Some(range) = masterminds::Constraint::parse(text) {
        _ = range.contains(version);
    }
}

fn read(bytes: &[u8], tag: &str, read: impl FnOnce(&Node<'_>, &mut Report) -> AllWanted) {
    let mut report = Report::default();
    match parse(bytes) {
        Ok(document) => {
            let wanted = read(&document, &mut report);
            let takes = |choice: &Choice| choice.takes(tag);
            for registry in &wanted.registries {
                _ = takes(&registry.tags) && takes(&registry.repositories);
            }
            for repository in &wanted.repositories {
                if let Images::Tags(choice) = &repository.images {
                    _ = takes(choice);
                }
            }
        }
        Err(mistake) => report.mistake(mistake),
    }
    for Mistake { at, message, .. } in &report.mistakes {
        assert!(at.line >= 1 && at.column >= 1 && !message.is_empty());
    }
    assert!(report.notes.iter().all(|note| note.line >= 1));
}
