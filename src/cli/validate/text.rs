//! For people.

use std::io::{self, Write};

use super::report::{Comparison, Head, Report};
use crate::cli::diagnostics::write_diagnostics;
use crate::desired::review::ClaimChange;
use crate::model::counted;

/// Changes that are shown; JSON has them all.
const SHOWN: usize = 200;

/// # Errors
/// Where `output` cannot be written.
pub(super) fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    if let Some(comparison) = &report.comparison {
        writeln!(output, "{}\n", compared(report, comparison))?;
    }
    write_diagnostics(output, &report.diagnostics, &report.tree)?;
    if let Some(comparison) = &report.comparison {
        for line in changes(comparison) {
            writeln!(output, "{line}")?;
        }
        writeln!(output)?;
        if comparison.standing > 0 {
            let standing = counted(comparison.standing, "finding");
            writeln!(
                output,
                "{standing} about the base, in files that this change does not touch, not shown"
            )?;
        }
    }
    for note in notes(report) {
        writeln!(output, "{note}")?;
    }
    writeln!(output, "{}", verdict(report))
}

/// What was judged, and what was not looked at.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(Head::WorkTree(commit)), 1..) = (report.head, report.uncommitted) {
        let files = counted(report.uncommitted, "file");
        notes.push(format!(
            "The work tree is judged, not commit {} that it stands on: {files} not committed yet, and `apply` reads commits",
            commit.short()
        ));
    }
    if let Some(why) = report.history.missing() {
        notes.push(format!(
            "History was not looked at, so that a tag which moved is not found: {why}"
        ));
    }
    notes
}

/// What was compared with what.
pub(super) fn compared(report: &Report, comparison: &Comparison) -> String {
    let Comparison {
        revision,
        base,
        ancestor,
        begins,
        ..
    } = comparison;
    let head = match report.head {
        Some(Head::Commit(commit)) => format!("commit {}", commit.short()),
        Some(Head::WorkTree(commit)) => format!("the work tree (on commit {})", commit.short()),
        None => "the directory".to_owned(),
    };
    let since = if ancestor == base {
        String::new()
    } else {
        format!(", from {} on", ancestor.short())
    };
    let begins = if *begins {
        "; there is no valid landfall.toml there, so everything is new"
    } else {
        ""
    };
    format!(
        "What {head} changes{since}, merged into `{revision}` ({}){begins}",
        base.short()
    )
}

/// How it ends.
pub(super) fn verdict(report: &Report) -> String {
    let warnings = counted(report.warnings(), "warning");
    match report.errors() {
        0 => format!(
            "valid: {}, {}, {}; {warnings}",
            counted(report.counts.targets, "target"),
            counted(report.counts.projects, "project"),
            counted(report.counts.claims, "claim"),
        ),
        errors => format!("invalid: {}, {warnings}", counted(errors, "error")),
    }
}

/// What happens to which tags and digests, by target, project and repository.
pub(super) fn changes(comparison: &Comparison) -> Vec<String> {
    let all = &comparison.changes;
    if all.is_empty() {
        return vec!["No claim is added, moved or removed.".to_owned()];
    }
    let count = |kind: fn(&ClaimChange) -> bool| all.iter().filter(|change| kind(change)).count();
    let mut lines = vec![format!(
        "{} added, {} moved, {} removed:",
        counted(count(|change| change.before.is_none()), "claim"),
        count(|change| change.before.is_some() && change.after.is_some()),
        count(|change| change.after.is_none()),
    )];
    let mut above: Option<&ClaimChange> = None;
    for change in all.iter().take(SHOWN) {
        let same_project = above.is_some_and(|known| known.target == change.target && known.project == change.project);
        if !same_project {
            lines.push(format!("  target {}, project {}", change.target, change.project));
        }
        if !same_project || above.is_some_and(|known| known.reference != change.reference) {
            lines.push(format!("    {}", change.reference));
        }
        lines.push(format!("      {}", line(change)));
        above = Some(change);
    }
    if all.len() > SHOWN {
        lines.push(format!(
            "  and {} more: `--format json` has them all",
            all.len() - SHOWN
        ));
    }
    lines
}

fn line(change: &ClaimChange) -> String {
    let tag = change.tag.as_ref().map_or("(no tag)", |tag| tag.as_str());
    match (change.before, change.after) {
        (Some(before), Some(after)) => format!("~ {tag}  {after}  (was {before})"),
        (Some(before), None) => format!("- {tag}  {before}"),
        (None, after) => format!("+ {tag}  {}", after.map(|after| after.to_string()).unwrap_or_default()),
    }
}
