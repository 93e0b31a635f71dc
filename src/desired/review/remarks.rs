//! Where a reviewer has to look.

use std::collections::HashMap;

use crate::desired::finding::Finding;
use crate::desired::position::Position;
use crate::model::{Diagnostic, RepoPath, Tree, TreeFile};

use super::lines::LineMap;

/// Findings about the difference between two revisions. All stand at lines of the newer one: what is gone is reported
/// where it stood.
pub(super) struct Remarks<'a> {
    before: &'a Tree,
    after: &'a Tree,
    lines: HashMap<RepoPath, LineMap>,
    found: Vec<Diagnostic>,
}

impl<'a> Remarks<'a> {
    pub fn new(before: &'a Tree, after: &'a Tree) -> Self {
        Self {
            before,
            after,
            lines: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// Remarks on what stands in the newer revision.
    pub fn at(&mut self, file: &RepoPath, at: Position, finding: Finding) {
        self.found.push(finding.at(file, at));
    }

    /// Remarks on what stood in the older revision.
    pub fn gone(&mut self, file: &RepoPath, at: Position, finding: Finding) {
        let line = self.line_now(file, at.line);
        let at = Position {
            line,
            ..Position::START
        };
        self.found.push(finding.at(file, at));
    }

    /// The line of the newer revision where a line of the older one stood; the first where the file is gone.
    pub fn line_now(&mut self, file: &RepoPath, line: u32) -> u32 {
        let (Some(before), Some(after)) = (text(self.before, file), text(self.after, file)) else {
            return 1;
        };
        if before == after {
            return line;
        }
        let lines = self
            .lines
            .entry(file.clone())
            .or_insert_with(|| LineMap::between(before, after));
        lines.of(line)
    }

    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.found
    }
}

fn text<'t>(tree: &'t Tree, file: &RepoPath) -> Option<&'t str> {
    match tree.files.get(file)? {
        TreeFile::Regular { bytes, .. } => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}
