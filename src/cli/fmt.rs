//! `landfall fmt`: one way to write manifests.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use miette::{Context as _, IntoDiagnostic as _, miette};

use super::{ExitCode, WithExitCode as _};
use crate::desired;
use crate::model::RepoPath;

/// Sort tags and align manifests
///
/// Tags are sorted in natural version order (v1.9 before v1.10) and quoted, the `=` of each table are aligned, comments
/// stay with the line they precede.
#[derive(Debug, clap::Args)]
pub struct FmtCommand {
    /// Write nothing; name the files that would change and end with exit code 2
    #[arg(long)]
    check: bool,
    /// Files, or directories of a desired-state repository
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

impl FmtCommand {
    /// `landfall fmt --check PATH`
    #[cfg(test)]
    pub(super) fn checking(path: PathBuf) -> Self {
        Self {
            check: true,
            paths: vec![path],
        }
    }

    /// [`ExitCode::Differences`] where `--check` found some, [`ExitCode::Invalid`] where a file is not TOML.
    ///
    /// # Errors
    /// Where a file cannot be read or written.
    pub fn run(self, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let mut files = Vec::new();
        for path in &self.paths {
            manifests(path, &mut files)?;
        }
        files.sort();
        files.dedup();
        let (mut differing, mut invalid) = (0, 0);
        for file in &files {
            let bytes = fs::read(file)
                .into_diagnostic()
                .wrap_err_with(|| cannot("read", file))?;
            let Ok(text) = String::from_utf8(bytes) else {
                writeln!(output, "{}: error: is not UTF-8", file.display()).into_diagnostic()?;
                invalid += 1;
                continue;
            };
            match desired::format(&RepoPath::from(&*file.to_string_lossy()), &text) {
                Err(diagnostic) => {
                    writeln!(output, "{diagnostic}").into_diagnostic()?;
                    invalid += 1;
                }
                Ok(formatted) if formatted == text => {}
                Ok(formatted) => {
                    differing += 1;
                    let verb = if self.check { "would format" } else { "formatted" };
                    if !self.check {
                        replace(file, &formatted).wrap_err_with(|| cannot("write", file))?;
                    }
                    writeln!(output, "{verb} {}", file.display()).into_diagnostic()?;
                }
            }
        }
        Ok(match (invalid, differing) {
            (0, 1..) if self.check => ExitCode::Differences,
            (0, _) => ExitCode::AsDesired,
            _ => ExitCode::Invalid,
        })
    }
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}

/// The manifests at a path: the file itself, or those of a repository or of a directory in its `promotions/`.
fn manifests(path: &Path, found: &mut Vec<PathBuf>) -> miette::Result<()> {
    let metadata = fs::symlink_metadata(path)
        .into_diagnostic()
        .wrap_err_with(|| cannot("read", path))?;
    if metadata.is_symlink() {
        return Err(miette!(
            "{} is a symbolic link: name the file or directory itself",
            path.display()
        ))
        .with_exit_code(ExitCode::Invalid);
    }
    if metadata.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    let landfall = path.join("landfall.toml");
    if fs::symlink_metadata(&landfall).is_ok_and(|metadata| metadata.is_file()) {
        found.push(landfall);
        let promotions = path.join("promotions");
        if fs::symlink_metadata(&promotions).is_ok_and(|metadata| metadata.is_dir()) {
            below(&promotions, found)?;
        }
        return Ok(());
    }
    let absolute = std::path::absolute(path).into_diagnostic()?;
    if absolute
        .components()
        .any(|component| component.as_os_str() == "promotions")
    {
        return below(path, found);
    }
    // Other programs' TOML is not landfall's to format.
    Err(miette!(
        "{} holds no landfall.toml and is not in `promotions/`: name the repository or the files",
        path.display()
    ))
    .with_exit_code(ExitCode::Invalid)
}

/// Every `.toml` below a directory, without following links.
fn below(directory: &Path, found: &mut Vec<PathBuf>) -> miette::Result<()> {
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory)
            .into_diagnostic()
            .wrap_err_with(|| cannot("read", &directory))?
        {
            let entry = entry.into_diagnostic().wrap_err_with(|| cannot("read", &directory))?;
            let kind = entry
                .file_type()
                .into_diagnostic()
                .wrap_err_with(|| cannot("read", &entry.path()))?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|extension| extension == "toml") {
                found.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Writes beside the file and renames, so that it is never half-written.
fn replace(file: &Path, text: &str) -> miette::Result<()> {
    let directory = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(directory).into_diagnostic()?;
    beside.write_all(text.as_bytes()).into_diagnostic()?;
    let permissions = fs::metadata(file).into_diagnostic()?.permissions();
    beside.as_file().set_permissions(permissions).into_diagnostic()?;
    beside.persist(file).map_err(|error| error.error).into_diagnostic()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(check: bool, path: &Path) -> (ExitCode, String) {
        let mut output = Vec::new();
        let paths = vec![path.to_owned()];
        let code = FmtCommand { check, paths }.run(&mut output).unwrap();
        (code, String::from_utf8(output).unwrap())
    }

    fn repository(manifest: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("promotions/a")).unwrap();
        fs::write(directory.path().join("landfall.toml"), "version = 1\n").unwrap();
        fs::write(directory.path().join("promotions/a/b.toml"), manifest).unwrap();
        fs::write(directory.path().join("other.toml"), "a=1").unwrap();
        // kpromo's files are left as they are.
        fs::create_dir_all(directory.path().join("manifests/a")).unwrap();
        fs::write(
            directory.path().join("manifests/a/promoter-manifest.yaml"),
            "registries:   []",
        )
        .unwrap();
        directory
    }

    #[test]
    fn a_check_names_what_differs_and_writes_nothing() {
        let directory = repository("[images.a.tags]\nb=\"x\"\n");
        let file = directory.path().join("promotions/a/b.toml");
        let (code, output) = run(true, directory.path());
        assert_eq!(
            (code, output),
            (ExitCode::Differences, format!("would format {}\n", file.display()))
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "[images.a.tags]\nb=\"x\"\n");
    }

    #[test]
    fn formatting_leaves_nothing_for_the_next_check_and_other_files_alone() {
        let directory = repository("[images.a.tags]\nb=\"x\"\n");
        assert_eq!(run(false, directory.path()).0, ExitCode::AsDesired);
        assert_eq!(run(true, directory.path()), (ExitCode::AsDesired, String::new()));
        assert_eq!(fs::read_to_string(directory.path().join("other.toml")).unwrap(), "a=1");
        let of_kpromo = directory.path().join("manifests/a/promoter-manifest.yaml");
        assert_eq!(fs::read_to_string(of_kpromo).unwrap(), "registries:   []");
    }

    #[test]
    fn a_file_that_is_not_toml_is_named_and_kept() {
        let directory = repository("[images.a.tags\n");
        let (code, output) = run(false, directory.path());
        assert_eq!(code, ExitCode::Invalid);
        assert!(output.contains("b.toml:1:"), "{output}");
    }

    #[test]
    fn a_directory_that_is_no_repository_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("Cargo.toml"), "a=1").unwrap();
        let paths = vec![directory.path().to_owned()];
        assert!(FmtCommand { check: false, paths }.run(&mut Vec::new()).is_err());
    }
}
