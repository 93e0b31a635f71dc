//! For code scanning: SARIF (Static Analysis Results Interchange Format, version 2.1.0, OASIS).
//!
//! The few types that findings need are our own: `serde-sarif` generates those of the whole schema in a build script, and
//! takes longer to build than they take to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::report::Report;
use super::text;
use crate::desired::code;
use crate::model::{Diagnostic, Digest, Severity, Tree, TreeFile};

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

/// # Errors
/// Where `output` cannot be written.
pub(super) fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let codes: BTreeSet<&'static str> = report.diagnostics.iter().map(|found| found.code).collect();
    let codes: Vec<&'static str> = codes.into_iter().collect();
    let log = Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "landfall",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: codes.iter().map(|code| rule(code, &report.diagnostics)).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: text::notes(report)
                    .into_iter()
                    .map(|text| Notification {
                        level: "note",
                        message: Message { text },
                    })
                    .collect(),
            }],
            column_kind: "unicodeCodePoints",
            results: report
                .diagnostics
                .iter()
                .map(|found| finding(found, report, &codes))
                .collect(),
        }],
    };
    serde_json::to_writer_pretty(&mut *output, &log)?;
    writeln!(output)
}

fn rule(code: &'static str, diagnostics: &[Diagnostic]) -> Rule {
    let is_review = code::REVIEW.contains(&code);
    let errors = diagnostics
        .iter()
        .any(|found| found.code == code && found.severity == Severity::Error);
    let description = code::description(code).unwrap_or(code);
    let help = if is_review {
        "Nothing is wrong with the manifests as such. Whoever reviews the change has to agree with it."
    } else {
        "Each finding says what to write instead, or which line lifts the refusal."
    };
    Rule {
        id: code,
        short_description: Message {
            text: description.to_owned(),
        },
        help: Message {
            text: format!("{description} {help}"),
        },
        default_configuration: Configuration {
            level: if errors { "error" } else { "warning" },
        },
    }
}

fn finding(found: &Diagnostic, report: &Report, codes: &[&'static str]) -> Finding {
    let help = found.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    let path = report.path(found);
    // Lines come and go above a finding; what it says of which file stays.
    let identity = format!("{}\n{path}\n{}", found.code, found.message);
    Finding {
        rule_id: found.code,
        rule_index: codes.binary_search(&found.code).unwrap_or_default(),
        level: match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: Message {
            text: format!("{}{help}", found.message),
        },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: uri(&path),
                    uri_base_id: "%SRCROOT%",
                },
                region: Region {
                    start_line: found.line,
                    start_column: found.column,
                    end_line: found.line,
                    end_column: found.column + marked_characters(found, &report.tree),
                },
            },
        }],
        partial_fingerprints: BTreeMap::from([(
            "landfallFinding/v1",
            Digest::of(identity.as_bytes()).hex().to_owned(),
        )]),
    }
}

/// How many characters are marked; lengths of findings are bytes.
fn marked_characters(found: &Diagnostic, tree: &Tree) -> u32 {
    let Some(TreeFile::Regular { bytes, .. }) = tree.files.get(&found.file) else {
        return 1;
    };
    let text = String::from_utf8_lossy(bytes);
    let line = text
        .lines()
        .nth((found.line as usize).saturating_sub(1))
        .unwrap_or_default();
    let marked = line
        .chars()
        .skip((found.column as usize).saturating_sub(1))
        .scan(0, |length, character| {
            let before = *length;
            *length += character.len_utf8();
            (before < found.length as usize).then_some(())
        });
    u32::try_from(marked.count().max(1)).unwrap_or(1)
}

/// A path as a relative reference (RFC 3986, section 4.2).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_references() {
        assert_eq!(uri("promotions/a b/ü:%.toml"), "promotions/a%20b/%C3%BC%3A%25.toml");
    }
}
