//! The way of every import: read, resolve, arrange, write, and say what is not carried over.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, Report as Failure, WrapErr as _, miette};
use serde_json::json;

use crate::adoption::import::{AllWanted, Mistake, Report, arrange, document, resolve};
use crate::assembly;
use crate::cli::diagnostics::write_diagnostics;
use crate::cli::exit_code::Ended as _;
use crate::cli::init::{text_of, write_new};
use crate::cli::reach::Reach;
use crate::cli::session::runtime;
use crate::cli::{Common, ErrorOutput, ExitCode, Format, WithExitCode as _};
use crate::desired::{self, Manifests};
use crate::model::{CommitId, Prefix, Tree};
use crate::yaml::Node;

/// Where an import writes to.
#[derive(Debug, clap::Args)]
pub struct Destination {
    /// The directory to write the manifests into; nothing that exists is overwritten
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Write a runtime configuration that goes with the manifests, too
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,

    #[command(flatten)]
    reach: Reach,
}

/// Reads the file and writes the manifests; [`ExitCode::Differences`] where images are left out, [`ExitCode::Invalid`] where
/// the file cannot be read.
///
/// # Errors
/// What cannot be read at a registry, or written.
pub fn import(
    tool: &str,
    file: &Path,
    destination: &Destination,
    common: &Common,
    output: &mut dyn Write,
    read: impl FnOnce(&Node<'_>, &mut Report) -> AllWanted,
) -> Result<ExitCode, Failure> {
    let mut report = Report::default();
    let bytes = bounded(file)?;
    let wanted = match document::parse(&bytes) {
        Ok(document) => read(&document, &mut report),
        Err(mistake) => {
            report.mistake(mistake);
            AllWanted::default()
        }
    };
    if !report.mistakes.is_empty() {
        write_mistakes(&mut ErrorOutput::open(), file, &report.mistakes).into_diagnostic()?;
        return Ok(ExitCode::Invalid);
    }
    let sources: Vec<_> = wanted.sources().cloned().collect();
    let config = destination
        .reach
        .configuration(common, &sources.iter().collect::<Vec<_>>())?;
    let registries = assembly::registries(&config).ended()?;
    let resolved = match runtime()?.block_on(resolve(&registries, wanted, &mut report)) {
        Ok(resolved) => resolved,
        Err(error) => {
            let code = if error.is_denied() {
                ExitCode::AccessRefused
            } else {
                ExitCode::Failed
            };
            return Err(error)
                .into_diagnostic()
                .wrap_err("what stands at the sources cannot be read as a whole; nothing was written")
                .with_exit_code(code);
        }
    };
    let manifests = arrange(tool, resolved, &mut report);
    report.notes.sort();
    let lost = report.notes.iter().any(|note| note.lost);
    if manifests.projects.is_empty() {
        write_notes(&mut ErrorOutput::open(), file, &report).into_diagnostic()?;
        return Err(miette!(
            "{} names no image that could be carried over; nothing was written",
            file.display()
        ))
        .with_exit_code(ExitCode::Invalid);
    }
    let files = match desired::write(&manifests) {
        Ok(files) => files,
        Err(refused) => {
            let nothing = Tree {
                commit: CommitId([0; 20]),
                files: [].into(),
            };
            write_diagnostics(&mut ErrorOutput::open(), &refused, &nothing).into_diagnostic()?;
            return Ok(ExitCode::Invalid);
        }
    };
    let directory = std::path::absolute(&destination.output).into_diagnostic()?;
    let mut paths: Vec<(PathBuf, String)> = files
        .into_iter()
        .chain(desired::schema_files())
        .map(|(path, text)| (directory.join(path.as_str()), text))
        .collect();
    if let Some(path) = &destination.write_config {
        let path = std::path::absolute(path).into_diagnostic()?;
        paths.push((path, configuration(&manifests, &directory)?));
    }
    let written: Vec<String> = paths.iter().map(|(path, _)| path.display().to_string()).collect();
    match common.format {
        Format::Text => {
            write_new(paths.into_iter(), output)?;
            writeln!(
                output,
                "\n{} tags of {} repositories.",
                tags(&manifests),
                repositories(&manifests)
            )
            .and_then(|()| write_notes(output, file, &report))
            .and_then(|()| write_next(output, destination))
            .into_diagnostic()?;
        }
        Format::Json => {
            write_new(paths.into_iter(), &mut std::io::sink())?;
            let document = json!({
                "schemaVersion": 1,
                "written": written,
                "tags": tags(&manifests),
                "repositories": repositories(&manifests),
                "notCarriedOver": report.notes,
            });
            serde_json::to_writer_pretty(&mut *output, &document).into_diagnostic()?;
            writeln!(output).into_diagnostic()?;
        }
    }
    Ok(if lost {
        ExitCode::Differences
    } else {
        ExitCode::AsDesired
    })
}

/// As much of a file as is read at most, and a byte more.
fn bounded(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(document::MOST_BYTES as u64 + 1).read_to_end(&mut bytes))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {}", file.display()))
        .with_exit_code(ExitCode::Invalid)?;
    Ok(bytes)
}

fn write_mistakes(output: &mut dyn Write, file: &Path, mistakes: &[Mistake]) -> std::io::Result<()> {
    for Mistake { at, message, help } in mistakes {
        writeln!(output, "{}:{}:{}: error: {message}", file.display(), at.line, at.column)?;
        if let Some(help) = help {
            writeln!(output, "  help: {help}")?;
        }
    }
    Ok(())
}

fn write_notes(output: &mut dyn Write, file: &Path, report: &Report) -> std::io::Result<()> {
    if report.notes.is_empty() {
        return Ok(());
    }
    writeln!(output, "\nNot carried over:")?;
    for note in &report.notes {
        writeln!(
            output,
            "  {}:{}: {}: {}",
            file.display(),
            note.line,
            note.what,
            note.why
        )?;
    }
    Ok(())
}

fn write_next(output: &mut dyn Write, destination: &Destination) -> std::io::Result<()> {
    let directory = destination.output.display();
    let with = match &destination.write_config {
        Some(file) => format!("--config {}", file.display()),
        None => format!("--repo {directory}"),
    };
    writeln!(
        output,
        "\nnext:\n  landfall validate {directory}\n  git -C {directory} init --initial-branch main\n  \
         git -C {directory} add . && git -C {directory} commit -m 'Begin'\n  landfall plan {with}"
    )
}

fn images(manifests: &Manifests) -> impl Iterator<Item = &desired::ImageManifest> {
    let sources = manifests.projects.iter().flat_map(|project| project.sources.values());
    sources.flat_map(|images| images.values())
}

fn tags(manifests: &Manifests) -> usize {
    images(manifests).map(|image| image.tags.len()).sum()
}

fn repositories(manifests: &Manifests) -> usize {
    images(manifests).count()
}

fn configuration(manifests: &Manifests, directory: &Path) -> Result<String, Failure> {
    let endpoints: Vec<&Prefix> = manifests.targets.iter().map(|target| &target.primary).collect();
    let sources: Vec<&Prefix> = manifests
        .projects
        .iter()
        .flat_map(|project| project.sources.keys())
        .collect();
    let beside = directory.parent().unwrap_or(directory);
    let storage = text_of(&beside.join("storage"))?;
    Ok(desired::runtime_configuration(
        &endpoints,
        &sources,
        &text_of(directory)?,
        &storage,
    ))
}
