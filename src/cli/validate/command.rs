//! The command.

use std::io::Write;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::comparison::compare;
use super::place::Place;
use super::{alone, github, json, place, sarif, text};
use crate::assembly::{Opening, repository};
use crate::cli::arguments::WrittenFormat;
use crate::cli::exit_code::Ended as _;
use crate::cli::session::configuration;
use crate::cli::{Common, ExitCode, WithExitCode as _};
use crate::source::Location;

/// Check manifests without a network
///
/// Reads the directory as a commit of it would be, and judges it by the history that it stands on, as `apply` will. With
/// --base, it is judged as a change: what it would do once merged, held against the base's history, and what of it a
/// reviewer has to look at.
#[derive(Debug, clap::Args)]
pub struct ValidateCommand {
    /// The directory that holds landfall.toml [default: what --repo names, else the current directory]
    pub(super) directory: Option<PathBuf>,

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
    pub fn run(self, common: &Common, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let format = common.written;
        let place = self.place(common)?;
        let report = match &self.base {
            None => alone::judge(place, common.revision.as_deref())?,
            Some(base) => {
                let head = match (self.head.as_deref(), common.revision.as_deref()) {
                    (Some(_), Some(_)) => return Err(twice("--head", "--revision")),
                    (head, revision) => head.or(revision),
                };
                compare(place, base, head)?
            }
        };
        match format {
            WrittenFormat::Json => json::write(&report, output),
            WrittenFormat::Github => github::write(&report, output),
            WrittenFormat::Sarif => sarif::write(&report, output),
            _ => text::write(&report, output),
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

impl ValidateCommand {
    /// What the command line names.
    fn place(&self, common: &Common) -> miette::Result<Place> {
        match (&self.directory, &common.repo) {
            (Some(directory), None) => place::open(directory),
            (None, None) => place::open(Path::new(".")),
            (Some(directory), Some(repo)) if directory.as_path() != Path::new(repo) => {
                Err(twice("the argument", "--repo or LANDFALL_REPO"))
            }
            (_, Some(repo)) => {
                let location = Location::parse(repo, Path::new("."))
                    .into_diagnostic()
                    .with_exit_code(ExitCode::Invalid)?;
                match location {
                    Location::Local(path) => place::open(&path),
                    Location::Remote(_) => self.elsewhere(common),
                }
            }
        }
    }
}

impl ValidateCommand {
    /// The commits that the command line names, of a repository elsewhere.
    fn elsewhere(&self, common: &Common) -> miette::Result<Place> {
        let config = configuration(common)?;
        let named = [&self.base, &self.head, &common.revision];
        let revisions: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        let source = repository(common.repo.as_deref(), &config, Opening::Once(&revisions)).ended()?;
        place::elsewhere(&source)
    }
}

fn twice(one: &str, other: &str) -> miette::Report {
    let error: miette::Result<()> = Err(miette!(
        help = "leave one of them out",
        "{one} and {other} name the same thing"
    ));
    match error.with_exit_code(ExitCode::Invalid) {
        Err(report) => report,
        Ok(()) => miette!("{one} and {other} name the same thing"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::common;
    use super::*;

    fn run(case: &str, format: WrittenFormat) -> (ExitCode, String) {
        // Copied: what lies in this project's own repository is judged by its history.
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/manifests");
        let copy = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(corpus.join(case).join("."))
            .arg(copy.path())
            .status()
            .unwrap();
        assert!(copied.success());
        let mut output = Vec::new();
        let command = ValidateCommand {
            directory: Some(copy.path().to_owned()),
            base: None,
            head: None,
            detailed_exitcode: false,
        };
        let code = command.run(&common(format), &mut output).unwrap();
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
                "History was not looked at, so that a tag which moved is not found: the directory lies in no Git repository\n\
                 valid: 2 targets, 1 project, 3 claims; 0 warnings\n"
                    .to_owned()
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
