//! `landfall init`: a desired-state repository to begin with.

use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use miette::{Context as _, IntoDiagnostic as _, miette};

use super::diagnostics::write_diagnostics;
use super::{ExitCode, WithExitCode as _};
use crate::desired::{self, InitOptions};
use crate::model::{CommitId, Prefix, Tree};

/// Write a desired-state repository to begin with, and the configuration that goes with it
///
/// Asks on a terminal for what is not given. Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
pub struct InitCommand {
    /// The directory to write the repository into
    directory: PathBuf,
    /// Where images come from: a registry and repository prefix
    #[arg(long, value_name = "PREFIX")]
    source: Option<Prefix>,
    /// Where they go first: a registry and repository prefix
    #[arg(long, visible_alias = "target", value_name = "PREFIX")]
    primary: Option<Prefix>,
    /// A further place that holds the same images; may be given several times
    #[arg(long = "mirror", value_name = "NAME=PREFIX", value_parser = mirror)]
    mirrors: Vec<(String, Prefix)>,
    /// The name written into signatures and attestations [default: the primary's]
    #[arg(long, value_name = "PREFIX")]
    public_name: Option<Prefix>,
    /// The project that promotes: its manifests stand in promotions/NAME/
    #[arg(long, value_name = "NAME", default_value = "example")]
    project: String,
    /// Where to write the runtime configuration [default: config.toml beside DIRECTORY]
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

pub(super) fn mirror(text: &str) -> Result<(String, Prefix), String> {
    let (name, prefix) = text
        .split_once('=')
        .ok_or("expected NAME=PREFIX, as in europe=registry.example.com/images")?;
    Ok((name.to_owned(), parse(prefix)?))
}

fn parse(text: &str) -> Result<Prefix, String> {
    text.parse().map_err(|error: crate::model::PathError| error.to_string())
}

impl InitCommand {
    /// [`ExitCode::Invalid`] where the answers contradict each other.
    ///
    /// `terminal` answers questions; without one, what is not given is an error.
    ///
    /// # Errors
    /// Where something is missing, exists already, or cannot be written.
    pub fn run(mut self, terminal: Option<&mut dyn BufRead>, output: &mut dyn Write) -> miette::Result<ExitCode> {
        self.ask(terminal, output)?;
        let (Some(source), Some(primary)) = (self.source, self.primary) else {
            return Err(miette!(
                "--source and --primary are needed where there is no terminal to ask on"
            ))
            .with_exit_code(ExitCode::Invalid);
        };
        let directory = std::path::absolute(&self.directory).into_diagnostic()?;
        let beside = directory.parent().unwrap_or(&directory).to_owned();
        let configuration = self.write_config.unwrap_or_else(|| beside.join("config.toml"));
        let options = InitOptions {
            project: self.project,
            source,
            public_name: self.public_name.unwrap_or_else(|| primary.clone()),
            primary,
            mirrors: self.mirrors,
            git_url: text_of(&directory)?,
            storage: text_of(&beside.join("storage"))?,
        };
        let files = match desired::init(&options) {
            Ok(files) => files,
            Err(found) => {
                let nothing = Tree {
                    commit: CommitId([0; 20]),
                    files: [].into(),
                };
                write_diagnostics(output, &found, &nothing).into_diagnostic()?;
                return Ok(ExitCode::Invalid);
            }
        };
        let repository = files
            .repository
            .into_iter()
            .map(|(path, text)| (directory.join(path.as_str()), text));
        write_new(repository.chain([(configuration.clone(), files.configuration)]), output)?;
        let directory = self.directory.display();
        writeln!(
            output,
            "\nnext:\n  landfall validate {directory}\n  git -C {directory} init --initial-branch main\n  \
             git -C {directory} add . && git -C {directory} commit -m 'Begin'\n  landfall plan --config {}",
            configuration.display()
        )
        .into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }

    fn ask(&mut self, terminal: Option<&mut dyn BufRead>, output: &mut dyn Write) -> miette::Result<()> {
        let Some(terminal) = terminal else {
            return Ok(());
        };
        let mut asked = false;
        if self.source.is_none() {
            asked = true;
            self.source = question(terminal, output, "where images come from (registry/prefix)", parse)?;
        }
        if self.primary.is_none() {
            asked = true;
            self.primary = question(terminal, output, "where they go (registry/prefix)", parse)?;
        }
        if !asked {
            return Ok(());
        }
        if self.public_name.is_none() {
            let text = "the name written into signatures, empty for the same";
            self.public_name = question(terminal, output, text, parse)?;
        }
        if self.mirrors.is_empty() {
            let text = "a mirror as NAME=registry/prefix, empty for no more";
            while let Some(next) = question(terminal, output, text, mirror)? {
                self.mirrors.push(next);
            }
        }
        Ok(())
    }
}

/// Asks until the answer can be read; `None` for an empty one, or where there are no more answers.
fn question<T>(
    terminal: &mut dyn BufRead,
    output: &mut dyn Write,
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> miette::Result<Option<T>> {
    loop {
        write!(output, "{text}: ")
            .and_then(|()| output.flush())
            .into_diagnostic()?;
        let mut answer = String::new();
        if terminal.read_line(&mut answer).into_diagnostic()? == 0 || answer.trim().is_empty() {
            return Ok(None);
        }
        match read(answer.trim()) {
            Ok(read) => return Ok(Some(read)),
            Err(error) => writeln!(output, "{error}").into_diagnostic()?,
        }
    }
}

pub(super) fn text_of(path: &Path) -> miette::Result<String> {
    path.to_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| miette!("{} is not UTF-8: choose another directory", path.display()))
}

/// Writes files that do not exist yet; where one does, none is written.
pub(super) fn write_new(files: impl Iterator<Item = (PathBuf, String)>, output: &mut dyn Write) -> miette::Result<()> {
    let files: Vec<_> = files.collect();
    for (path, _) in &files {
        if fs::symlink_metadata(path).is_ok() {
            return Err(miette!("{} exists: nothing was written", path.display())).with_exit_code(ExitCode::Invalid);
        }
    }
    for (path, text) in files {
        let write = || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = fs::File::create_new(&path)?;
            file.write_all(text.as_bytes())
        };
        write()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", path.display()))?;
        writeln!(output, "wrote {}", path.display()).into_diagnostic()?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::validate::Report;
    use crate::config::{Config, Environment};
    use crate::desired::Ledger;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        command: InitCommand,
    }

    fn command(directory: &Path, arguments: &[&str]) -> InitCommand {
        let directory = directory.to_str().unwrap();
        Arguments::parse_from(["init", directory].iter().chain(arguments)).command
    }

    fn is_valid(directory: &Path) -> bool {
        let tree = crate::cli::directory::tree_from_directory(directory).unwrap();
        // What was just begun claims nothing yet.
        let report = Report::of(tree, &Ledger::default());
        let mut found = report.diagnostics.iter();
        found.all(|found| found.code == crate::desired::code::NOTHING_CLAIMED)
    }

    pub(in crate::cli) fn assert_schemas_stand_where_manifests_point(directory: &Path) {
        let tree = crate::cli::directory::tree_from_directory(directory).unwrap();
        let manifests = tree.files.keys().map(|path| directory.join(path.as_str()));
        let manifests: Vec<_> = manifests
            .filter(|path| path.extension().is_some_and(|of| of == "toml"))
            .collect();
        assert!(manifests.len() > 1);
        for manifest in manifests {
            let text = fs::read_to_string(&manifest).unwrap();
            let schema = text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("#:schema "))
                .unwrap();
            let schema = fs::read_to_string(manifest.parent().unwrap().join(schema)).unwrap();
            let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
            let value: serde_json::Value = toml::from_str(&text).unwrap();
            assert!(jsonschema::is_valid(&schema, &value), "{}", manifest.display());
        }
    }

    const FLAGS: [&str; 6] = [
        "--source",
        "staging.example.com/team",
        "--primary",
        "registry.example.com/images",
        "--mirror",
        "europe=europe.example.com/images",
    ];

    #[test]
    fn flags_make_a_repository_that_validates_and_a_configuration_beside_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        let mut output = Vec::new();
        assert_eq!(
            command(&directory, &FLAGS).run(None, &mut output).unwrap(),
            ExitCode::AsDesired
        );
        assert!(is_valid(&directory));
        assert_schemas_stand_where_manifests_point(&directory);
        let configuration = fs::read_to_string(parent.path().join("config.toml")).unwrap();
        assert!(
            configuration.contains("\"europe.example.com/images\""),
            "{configuration}"
        );
    }

    /// What is proposed in comments must hold too.
    fn without_comment_signs(text: &str) -> String {
        let setting = |line: &&str| {
            line.starts_with('[') || line.split_once('=').is_some_and(|(key, _)| !key.trim().contains(' '))
        };
        let line = |line| match str::strip_prefix(line, "# ").filter(setting) {
            Some(setting) => format!("{setting}\n"),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn the_configuration_can_be_read_with_and_without_what_it_proposes() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        command(&directory, &FLAGS).run(None, &mut Vec::new()).unwrap();
        let text = fs::read_to_string(parent.path().join("config.toml")).unwrap();
        for text in [without_comment_signs(&text), text] {
            let file = parent.path().join("config.toml");
            let config = Config::parse(&text, &file, Environment::Fixed([].into())).unwrap();
            let allowed: Vec<_> = config.allow_writes.iter().map(ToString::to_string).collect();
            assert_eq!(allowed, ["registry.example.com/images", "europe.example.com/images"]);
            assert_eq!(config.git.url.as_deref(), directory.to_str());
        }
    }

    #[test]
    fn what_exists_is_not_overwritten_and_nothing_else_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        fs::write(parent.path().join("config.toml"), "kept").unwrap();
        assert!(command(&directory, &FLAGS).run(None, &mut Vec::new()).is_err());
        assert_eq!(fs::read_to_string(parent.path().join("config.toml")).unwrap(), "kept");
        assert!(!directory.exists());
    }

    #[test]
    fn a_terminal_is_asked_until_its_answer_can_be_read() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        let mut answers: &[u8] =
            b"staging\nstaging.example.com/team\nregistry.example.com\n\nasia=asia.example.com\n\n";
        let mut output = Vec::new();
        assert_eq!(
            command(&directory, &[]).run(Some(&mut answers), &mut output).unwrap(),
            ExitCode::AsDesired
        );
        let output = String::from_utf8(output).unwrap();
        assert!(output.contains("does not start with a registry host"), "{output}");
        let landfall = fs::read_to_string(directory.join("landfall.toml")).unwrap();
        assert!(landfall.contains("asia = \"asia.example.com\""), "{landfall}");
        assert!(is_valid(&directory));
    }

    #[test]
    fn answers_that_contradict_write_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        let flags = ["--source", "r.example.com/a/b", "--primary", "r.example.com/a"];
        assert_eq!(
            command(&directory, &flags).run(None, &mut Vec::new()).unwrap(),
            ExitCode::Invalid
        );
        assert!(!directory.exists());
    }

    #[test]
    fn without_a_terminal_what_is_missing_is_named() {
        let error = command(Path::new("images"), &[])
            .run(None, &mut Vec::new())
            .unwrap_err();
        assert!(error.to_string().contains("--source"), "{error}");
    }
}
