//! `landfall validate`: checks manifests without a network.

use std::io::Write;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, WrapErr as _};
use serde_json::json;

use super::diagnostics::write_diagnostics;
use super::directory::tree_from_directory;
use super::{ExitCode, Format};
use crate::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use crate::model::{Diagnostic, Severity, Tree};

/// Check manifests without a network
///
/// Reads the directory as it stands on disk. That tags keep their digests can only be checked against history.
#[derive(Debug, clap::Args)]
pub struct ValidateCommand {
    /// The directory that holds landfall.toml
    #[arg(default_value = ".")]
    directory: PathBuf,
}

/// What was found, and how much there is.
#[derive(Debug)]
pub struct Validation {
    /// Sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    pub targets: usize,
    pub projects: usize,
    pub claims: usize,
}

impl Validation {
    /// Checks a tree against what history declared.
    #[must_use]
    pub fn of(tree: &Tree, ledger: &Ledger) -> Self {
        match parse(tree, &mut ParseCache::default()) {
            Err(diagnostics) => Self {
                diagnostics,
                targets: 0,
                projects: 0,
                claims: 0,
            },
            Ok(parsed) => {
                let resolved = resolve(&parsed, &Accepted { ledger }, None);
                let mut diagnostics = parsed.diagnostics().to_vec();
                diagnostics.extend(resolved.diagnostics);
                diagnostics.sort();
                Self {
                    diagnostics,
                    targets: resolved.desired.targets.len(),
                    projects: resolved.desired.projects.len(),
                    claims: resolved
                        .desired
                        .projects
                        .iter()
                        .map(|project| project.claims.len())
                        .sum(),
                }
            }
        }
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    }

    /// Writes the findings, and a summary.
    ///
    /// # Errors
    /// Where `output` cannot be written.
    pub fn write(&self, output: &mut dyn Write, tree: &Tree, format: Format) -> std::io::Result<()> {
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        match format {
            Format::Text => {
                write_diagnostics(output, &self.diagnostics, tree)?;
                let warnings = counted(warnings, "warning");
                if errors > 0 {
                    writeln!(output, "invalid: {}, {warnings}", counted(errors, "error"))
                } else {
                    writeln!(
                        output,
                        "valid: {}, {}, {}; {warnings}",
                        counted(self.targets, "target"),
                        counted(self.projects, "project"),
                        counted(self.claims, "claim"),
                    )
                }
            }
            Format::Json => {
                let report = json!({
                    "schemaVersion": 1,
                    "valid": errors == 0,
                    "errors": errors,
                    "warnings": warnings,
                    "targets": self.targets,
                    "projects": self.projects,
                    "claims": self.claims,
                    "diagnostics": self.diagnostics,
                });
                writeln!(output, "{report:#}")
            }
        }
    }
}

impl ValidateCommand {
    /// [`ExitCode::Invalid`] where there are errors.
    ///
    /// # Errors
    /// Where the directory cannot be read or `output` not written.
    pub fn run(self, format: Format, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let tree = tree_from_directory(&self.directory).into_diagnostic()?;
        let validation = Validation::of(&tree, &Ledger::default());
        validation
            .write(output, &tree, format)
            .into_diagnostic()
            .wrap_err("cannot write the findings")?;
        Ok(if validation.has_errors() {
            ExitCode::Invalid
        } else {
            ExitCode::AsDesired
        })
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn run(case: &str, format: Format) -> (ExitCode, String) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/manifests");
        let mut output = Vec::new();
        let command = ValidateCommand {
            directory: corpus.join(case),
        };
        let code = command.run(format, &mut output).unwrap();
        (code, String::from_utf8(output).unwrap())
    }

    #[test]
    fn findings_show_the_line_they_speak_of() {
        let (code, output) = run("invalid/unknown-project", Format::Text);
        assert_eq!(code, ExitCode::Invalid);
        insta::assert_snapshot!(run("invalid/unquoted-tags", Format::Text).1);
        assert!(output.ends_with("invalid: 1 error, 0 warnings\n"), "{output}");
    }

    #[test]
    fn valid_manifests_are_counted() {
        assert_eq!(
            run("valid/chained", Format::Text),
            (
                ExitCode::AsDesired,
                "valid: 2 targets, 1 project, 3 claims; 0 warnings\n".to_owned()
            )
        );
    }

    #[test]
    fn programs_get_the_same_findings_as_json() {
        let (code, output) = run("invalid/conflicting-claims", Format::Json);
        let report: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!(code, ExitCode::Invalid);
        assert_eq!((&report["schemaVersion"], &report["errors"]), (&1.into(), &2.into()));
        assert_eq!(report["diagnostics"][0]["code"], "conflicting-claims");
    }
}
