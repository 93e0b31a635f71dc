//! For programs.

use std::io::{self, Write};

use serde_json::json;

use super::report::{Head, History, Report};

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
        "history": match report.history {
            History::Of(commit) => json!({ "commit": commit }),
            missing => json!({ "missing": missing.missing() }),
        },
        "uncommittedFiles": report.uncommitted,
    });
    if let Some(head) = report.head {
        let (Head::Commit(commit) | Head::WorkTree(commit)) = head;
        document["head"] = json!({ "commit": commit, "workTree": matches!(head, Head::WorkTree(_)) });
        document["folder"] = json!(report.folder);
    }
    if let Some(comparison) = &report.comparison {
        document["comparison"] = json!({
            "base": { "revision": comparison.revision, "commit": comparison.base },
            "mergeBase": comparison.ancestor,
            "head": document["head"],
            "folder": report.folder,
            "findingsAtBase": comparison.standing,
        });
        document["changes"] = json!(comparison.changes);
    }
    writeln!(output, "{document:#}")
}
