//! For code scanning: SARIF 2.1.0. A finding points at the line of Git that asks for the image, else at landfall.toml.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::audit::compare::{AuditReport, Finding, FindingKind};
use crate::model::{Digest, Roots};

pub fn write(report: &AuditReport, output: &mut dyn Write) -> io::Result<()> {
    let rules: Vec<Value> = FindingKind::ALL
        .iter()
        .map(|kind| {
            json!({
                "id": kind.as_str(),
                "shortDescription": { "text": kind.meaning() },
                "defaultConfiguration": { "level": "error" },
            })
        })
        .collect();
    let results: Vec<Value> = report.findings.iter().chain(&report.excepted).map(result).collect();
    let notifications: Vec<Value> = report
        .not_looked_at
        .iter()
        .map(|missed| {
            let text = format!("not looked at: {}: {}", missed.what, missed.why);
            json!({ "level": "warning", "message": { "text": text } })
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "landfall audit",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "invocations": [{
                "executionSuccessful": report.not_looked_at.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *output, &document)?;
    writeln!(output)
}

fn result(finding: &Finding) -> Value {
    let index = FindingKind::ALL.iter().position(|kind| *kind == finding.kind);
    let text = format!("{}: {}: {}", finding.at(), finding.kind.meaning(), finding.detail);
    let fingerprint = Digest::of(format!("{} {} {}", finding.kind, finding.at(), finding.detail).as_bytes());
    let mut result = json!({
        "ruleId": finding.kind.as_str(),
        "ruleIndex": index,
        "level": "error",
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": {
                "uri": finding.file.as_deref().unwrap_or(Roots::FILE),
                "uriBaseId": "%SRCROOT%",
            },
            "region": { "startLine": finding.line.unwrap_or(1) },
        } }],
        "partialFingerprints": { "finding/v1": fingerprint.hex() },
    });
    if let Some(reason) = &finding.exception {
        result["suppressions"] = json!([{ "kind": "external", "justification": &**reason }]);
    }
    result
}
