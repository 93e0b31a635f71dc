//! Two revisions, compared.

use std::collections::HashSet;

use crate::desired::code;
use crate::desired::finding::{Finding, in_order};
use crate::desired::ledger::Ledger;
use crate::desired::position::Position;
use crate::model::{Diagnostic, RepoPath};

use super::changes::{self, ClaimChange};
use super::merge::Merged;
use super::remarks::Remarks;
use super::side::Side;
use super::{grants, kpromo_manifests, rules};

/// What a change does. Every line is one of the head, or where something stood there.
#[derive(Debug)]
pub struct Review {
    /// What is wrong with the change, and what a reviewer has to look at, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Sorted by target, project and reference.
    pub changes: Vec<ClaimChange>,
    /// How much is wrong at the base already, in files that the change does not touch.
    pub standing: usize,
}

/// Compares [`Merged::before`] and [`Merged::after`], each resolved against the base's ledger. Without a revision
/// before (where there is no valid landfall.toml), everything is new, and nothing can have been weakened.
#[must_use]
pub fn review(merged: &Merged, before: Option<&Side<'_>>, after: &Side<'_>, ledger: &Ledger) -> Review {
    let mut remarks = Remarks::new(&merged.before, &merged.after);
    let mut review = Review {
        diagnostics: Vec::new(),
        changes: Vec::new(),
        standing: 0,
    };
    if let Some(before) = before {
        if before.parsed.configuration.files != after.parsed.configuration.files {
            let trees = (&merged.before, &merged.after);
            rules::compare(trees, &before.resolved.desired, ledger, &mut remarks);
        }
        kpromo_manifests::compare(before, after, &mut remarks);
        grants::exceeded(before, after, ledger, &mut remarks);
        review.changes = changes::compare(before, after, &mut remarks);
    }
    let standing: HashSet<_> = before
        .iter()
        .flat_map(|before| before.diagnostics())
        .map(|known| {
            let line = remarks.line_now(&known.file, known.line);
            (&known.file, line, known.column, known.code)
        })
        .collect();
    let touched = touched(merged, after);
    for diagnostic in after.diagnostics() {
        let stood = standing.contains(&(&diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.code));
        if stood && !touched.contains(&diagnostic.file) {
            review.standing += 1;
        } else {
            review.diagnostics.push(diagnostic.clone());
        }
    }
    review.diagnostics.extend(remarks.into_diagnostics());
    review.diagnostics.extend(merged.conflicts.iter().map(conflict));
    merged.to_head(&mut review.diagnostics);
    for change in &mut review.changes {
        change.line = merged.line_in_head(&change.file, change.line);
    }
    review.diagnostics = in_order(review.diagnostics);
    review
}

/// Files that a change touches, and those of projects that it touches and that cannot be judged: what is wrong there
/// decides what the change does, however long it has stood there.
fn touched<'a>(merged: &'a Merged, after: &Side<'a>) -> HashSet<&'a RepoPath> {
    let (before, now) = (&merged.before.files, &merged.after.files);
    let paths = before.keys().chain(now.keys());
    let mut touched: HashSet<&RepoPath> = paths.filter(|path| before.get(*path) != now.get(*path)).collect();
    for name in after.parsed.broken_projects() {
        let files = after.parsed.projects.get(name).map(|project| &project.files[..]);
        let paths = || files.into_iter().flatten().map(|file| &file.path);
        if paths().any(|path| touched.contains(path)) {
            touched.extend(paths());
        }
    }
    touched
}

fn conflict(path: &RepoPath) -> Diagnostic {
    Finding::warning(
        code::MERGE_CONFLICT,
        "was changed on the base too, where this change begins: Git cannot merge them",
    )
    .help("merge or rebase; until then the file is judged as this change has it")
    .at(path, Position::START)
}

impl Merged {
    /// Moves findings about [`Merged::after`] to the lines of the head.
    pub fn to_head(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            diagnostic.line = self.line_in_head(&diagnostic.file, diagnostic.line);
        }
    }

    fn line_in_head(&self, file: &RepoPath, line: u32) -> u32 {
        self.lines.get(file).map_or(line, |lines| lines.of(line))
    }
}
