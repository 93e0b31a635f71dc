//! For programs.

use std::io::{self, Write};

use serde_json::json;

use super::report::{Head, Report};

/// # Errors
/// Where `output` cannot be written.
pub(super) fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let mut document = json!({
        "schemaVersion": 1,
        "valid": report.errors() == 0,
        "errors": report.errors(),
        "warnings": report.warnings(),
        "targets": report.counts.targets,
        "projects": report.counts.projects,
        "claims": report.counts.claims,
        "diagnostics": report.diagnostics,
    });
    if let Some(comparison) = &report.comparison {
        let (Head::Commit(head) | Head::WorkTree(head)) = comparison.head;
        document["comparison"] = json!({
            "base": { "revision": comparison.revision, "commit": comparison.base },
            "mergeBase": comparison.ancestor,
            "head": { "commit": head, "workTree": matches!(comparison.head, Head::WorkTree(_)) },
            "folder": report.folder,
            "findingsAtBase": comparison.standing,
        });
        document["changes"] = json!(comparison.changes);
    }
    writeln!(output, "{document:#}")
}
