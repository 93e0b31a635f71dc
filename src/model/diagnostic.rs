//! What is wrong with a manifest, and where.

use std::fmt;

use serde::Serialize;

use super::{Foreign, RepoPath};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A finding in the desired-state repository. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    pub file: RepoPath,
    pub line: u32,
    pub column: u32,
    /// Length in bytes of the marked text, for underlining; at least 1.
    pub length: u32,
    pub severity: Severity,
    /// A stable name for the kind of finding, in kebab case: `unknown-key`, `outside-grants`.
    pub code: &'static str,
    pub message: String,
    /// What to write instead, or which line or command lifts the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            formatter,
            "{}:{}:{}: {severity}: {} [{}]",
            Foreign(self.file.as_str()),
            self.line,
            self.column,
            Foreign(&self.message),
            self.code
        )?;
        match &self.help {
            Some(help) => {
                let lines: Vec<String> = help.lines().map(|line| Foreign(line).to_string()).collect();
                write!(formatter, "\n  help: {}", lines.join("\n        "))
            }
            None => Ok(()),
        }
    }
}
