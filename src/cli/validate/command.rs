//! The command.

use std::io::Write;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::comparison::compare;
use super::report::Report;
use super::{github, json, sarif, text};
use crate::cli::arguments::WrittenFormat;
use crate::cli::directory::tree_from_directory;
use crate::cli::{ExitCode, WithExitCode as _};
use crate::desired::Ledger;

/// Check manifests without a network
///
/// Reads the directory as it stands on disk. With --base, it is judged as a change: what it would do once merged, held
/// against the base's history, and what of it a reviewer has to look at.
#[derive(Debug, clap::Args)]
pub struct ValidateCommand {
    /// The directory that holds landfall.toml
    #[arg(default_value = ".")]
    pub(super) directory: PathBuf,

    /// Judge what changed since this revision began, and what merging it there would do: `origin/main`
    #[arg(long, value_name = "REV")]
    pub(super) base: Option<String>,

    /// The change, as a commit [default: the directory as it stands on disk; in a bare repository its newest commit]
    #[arg(long, value_name = "REV", requires = "base")]
    pub(super) head: Option<String>,

    /// End with 2 where nothing is wrong, but a reviewer has to look at something
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

impl ValidateCommand {
    /// [`ExitCode::Invalid`] where there are errors.
    ///
    /// # Errors
    /// Where the directory or the repository cannot be read, or `output` not written.
    pub fn run(self, format: WrittenFormat, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let report = match &self.base {
            None => Report::of(
                tree_from_directory(&self.directory).into_diagnostic()?,
                &Ledger::default(),
            ),
            Some(base) => compare(&self.directory, base, self.head.as_deref()).with_exit_code(ExitCode::Invalid)?,
        };
        match format {
            WrittenFormat::Text => text::write(&report, output),
            WrittenFormat::Json => json::write(&report, output),
            WrittenFormat::Github => github::write(&report, output),
            WrittenFormat::Sarif => sarif::write(&report, output),
        }
        .into_diagnostic()
        .wrap_err("cannot write the findings")?;
        Ok(if report.errors() > 0 {
            ExitCode::Invalid
        } else if self.detailed_exitcode && report.warnings() > 0 {
            ExitCode::Differences
        } else {
            ExitCode::AsDesired
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn run(case: &str, format: WrittenFormat) -> (ExitCode, String) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/manifests");
        let mut output = Vec::new();
        let command = ValidateCommand {
            directory: corpus.join(case),
            base: None,
            head: None,
            detailed_exitcode: false,
        };
        let code = command.run(format, &mut output).unwrap();
        (code, String::from_utf8(output).unwrap())
    }

    #[test]
    fn findings_show_the_line_they_speak_of() {
        let (code, output) = run("invalid/unknown-project", WrittenFormat::Text);
        assert_eq!(code, ExitCode::Invalid);
        insta::assert_snapshot!(run("invalid/unquoted-tags", WrittenFormat::Text).1);
        assert!(output.ends_with("invalid: 1 error, 0 warnings\n"), "{output}");
    }

    #[test]
    fn valid_manifests_are_counted() {
        assert_eq!(
            run("valid/chained", WrittenFormat::Text),
            (
                ExitCode::AsDesired,
                "valid: 2 targets, 1 project, 3 claims; 0 warnings\n".to_owned()
            )
        );
    }

    #[test]
    fn programs_get_the_same_findings_as_json() {
        let (code, output) = run("invalid/conflicting-claims", WrittenFormat::Json);
        let report: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!(code, ExitCode::Invalid);
        assert_eq!((&report["schemaVersion"], &report["errors"]), (&1.into(), &2.into()));
        assert_eq!(report["diagnostics"][0]["code"], "conflicting-claims");
    }
}
