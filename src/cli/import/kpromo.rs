//! `landfall import kpromo`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use miette::{Context as _, IntoDiagnostic as _, Report, miette};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::cli::diagnostics::write_diagnostics;
use crate::cli::directory::{tree_from_directory, tree_with_landfall};
use crate::cli::init::mirror;
use crate::cli::{ExitCode, WithExitCode as _};
use crate::desired::{self, ImportError, Imported};
use crate::model::counted;
use crate::model::{Prefix, Roots, Tree};

/// Write kpromo's manifests as landfall.toml and promotions/, ready for review
///
/// DIR holds a landfall.toml with `[kpromo]`, or kpromo's manifests/ and images/ themselves; then --public-name and
/// --primary say what landfall.toml would. What is written asks for exactly the same; nothing is overwritten.
#[derive(Debug, clap::Args)]
pub(super) struct KpromoImport {
    /// The directory to read
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory to write the repository into; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// The name written into signatures and attestations
    #[arg(long, value_name = "PREFIX", requires = "primary")]
    public_name: Option<Prefix>,
    /// The registry and repository prefix of the destinations that are written first
    #[arg(long, value_name = "PREFIX", requires = "public_name")]
    primary: Option<Prefix>,
    /// The prefix of further destinations, with a name of your choice; may be given several times
    #[arg(long = "mirror", value_name = "NAME=PREFIX", value_parser = mirror, requires = "primary")]
    mirrors: Vec<(String, Prefix)>,
    /// What the target is named from then on; admissions and tags that landfall remembers go by this name
    #[arg(long, value_name = "NAME", default_value = "kpromo")]
    target: String,
}

impl KpromoImport {
    /// [`ExitCode::Invalid`] where the manifests are wrong or cannot be expressed.
    ///
    /// # Errors
    /// Where something cannot be read or written, or exists already.
    pub fn run(self, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let tree = self.tree()?;
        let imported = match desired::import_kpromo(&tree, &self.target) {
            Ok(imported) => imported,
            Err(error) => {
                if let ImportError::Invalid(found) | ImportError::NotExpressible(found) = &error {
                    write_diagnostics(output, found, &tree).into_diagnostic()?;
                }
                return Err(Report::from_err(error)).with_exit_code(ExitCode::Invalid);
            }
        };
        write_diagnostics(output, &imported.warnings, &tree).into_diagnostic()?;
        self.write(&imported, output)?;
        Ok(ExitCode::AsDesired)
    }

    fn tree(&self) -> miette::Result<Tree> {
        let landfall = self.directory.join(Roots::FILE);
        let exists = match fs::symlink_metadata(&landfall) {
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                return Err(error)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot read {}", landfall.display()));
            }
        };
        match (&self.public_name, &self.primary) {
            (None, _) | (_, None) if exists => tree_from_directory(&self.directory).into_diagnostic(),
            (Some(public_name), Some(primary)) if !exists => {
                let text = self.landfall_toml(public_name, primary);
                tree_with_landfall(&self.directory, &text).into_diagnostic()
            }
            (Some(_), Some(_)) => Err(miette!(
                help = "leave out --public-name, --primary and --mirror",
                "{} says already what the endpoints are",
                landfall.display()
            ))
            .with_exit_code(ExitCode::Invalid),
            _ => Err(miette!(
                help = "say with --public-name PREFIX, --primary PREFIX and --mirror NAME=PREFIX below which prefixes the destinations in manifests/ lie",
                "{} holds no landfall.toml with `[kpromo]`",
                self.directory.display()
            ))
            .with_exit_code(ExitCode::Invalid),
        }
    }

    /// What would have to stand in landfall.toml.
    fn landfall_toml(&self, public_name: &Prefix, primary: &Prefix) -> String {
        let mut document = DocumentMut::new();
        document.insert("version", value(1));
        let mut endpoints = Table::new();
        endpoints.insert("primary", value(primary.to_string()));
        for (name, prefix) in &self.mirrors {
            endpoints.insert(name, value(prefix.to_string()));
        }
        let mut table = Table::new();
        table.insert("root", value("."));
        table.insert("public-name", value(public_name.to_string()));
        table.insert("endpoints", Item::Table(endpoints));
        document.insert("kpromo", Item::Table(table));
        document.to_string()
    }

    fn write(&self, imported: &Imported, output: &mut dyn Write) -> miette::Result<()> {
        let directory = &self.output;
        let is_empty = match fs::read_dir(directory) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => {
                return Err(error)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot read {}", directory.display()));
            }
        };
        if !is_empty {
            return Err(miette!("{} is not empty: nothing was written", directory.display()))
                .with_exit_code(ExitCode::Invalid);
        }
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        let schemas = desired::schema_files();
        let schemas = schemas.iter().map(|(path, schema)| (path, schema.as_bytes()));
        let manifests = imported.files.iter().map(|(path, bytes)| (path, &**bytes));
        for (path, bytes) in manifests.chain(schemas) {
            let file = directory.join(path.as_str());
            let write = || {
                if let Some(parent) = file.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::File::create_new(&file)?.write_all(bytes)
            };
            write()
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot write {}", file.display()))?;
            *folders
                .entry(path.as_str().split('/').next().unwrap_or_default())
                .or_default() += 1;
        }
        for (folder, count) in folders {
            let files = counted(count, "file");
            writeln!(output, "wrote {} ({files})", directory.join(folder).display()).into_diagnostic()?;
        }
        writeln!(
            output,
            "\n{} with {}, the same as kpromo's manifests make.\n\nnext:\n  landfall validate {2}\n  \
             review {2}/landfall.toml: signer, policy and mutable-tags are yours to add\n  commit it as a repository of \
             its own, or in place of kpromo's manifests; then `landfall plan`",
            counted(imported.projects, "project"),
            counted(imported.claims, "claim"),
            directory.display(),
        )
        .into_diagnostic()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::cli::fmt::FmtCommand;
    use crate::cli::init::tests::assert_schemas_stand_where_manifests_point;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        import: KpromoImport,
    }

    fn import(directory: &Path, to: &Path, more: &[&str]) -> (miette::Result<ExitCode>, String) {
        let mut arguments = vec!["kpromo", directory.to_str().unwrap(), "--output", to.to_str().unwrap()];
        arguments.extend(more);
        let mut output = Vec::new();
        let result = Arguments::parse_from(arguments).import.run(&mut output);
        (result, String::from_utf8(output).unwrap())
    }

    fn corpus(case: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/manifests")
            .join(case)
    }

    fn all_text(directory: &Path) -> String {
        let tree = tree_from_directory(directory).unwrap();
        tree.files
            .iter()
            .map(|(path, file)| match file {
                crate::model::TreeFile::Regular { bytes, .. } => {
                    format!("-- {path}\n{}", String::from_utf8_lossy(bytes))
                }
                other => format!("-- {path}: {other:?}\n"),
            })
            .collect()
    }

    #[test]
    fn projects_that_share_their_paths_become_one_and_nothing_is_left_to_format() {
        let parent = tempfile::tempdir().unwrap();
        let to = parent.path().join("imported");
        let (result, output) = import(&corpus("valid/kpromo-thin"), &to, &["--target", "production"]);
        assert_eq!(result.unwrap(), ExitCode::AsDesired, "{output}");
        insta::assert_snapshot!(all_text(&to));
        assert_schemas_stand_where_manifests_point(&to);
        let mut formatted = Vec::new();
        let check = FmtCommand::checking(to);
        assert_eq!(check.run(&mut formatted).unwrap(), ExitCode::AsDesired);
    }

    #[test]
    fn what_landfall_has_beside_kpromo_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let to = parent.path().join("imported");
        let (result, output) = import(&corpus("valid/kpromo-signed-beside-projects"), &to, &[]);
        assert_eq!(result.unwrap(), ExitCode::AsDesired, "{output}");
        insta::assert_snapshot!(all_text(&to));
    }

    #[test]
    fn kpromos_own_directory_is_read_with_the_endpoints_that_are_given() {
        let parent = tempfile::tempdir().unwrap();
        let to = parent.path().join("imported");
        let from = corpus("valid/kpromo-thin/registry.k8s.io");
        let endpoints = [
            "--public-name=registry.example.com",
            "--primary=us.example.com/prod/images",
            "--mirror=asia=asia.example.com/prod/images",
            "--mirror=europe=europe.example.com/prod/images",
        ];
        assert_eq!(import(&from, &to, &endpoints).0.unwrap(), ExitCode::AsDesired);
        let (again, _) = import(&from, &to, &endpoints);
        assert!(again.unwrap_err().to_string().contains("is not empty"));
        let (without, _) = import(&from, &parent.path().join("other"), &[]);
        assert!(without.unwrap_err().to_string().contains("no landfall.toml"));
        let (twice, _) = import(&corpus("valid/kpromo-thin"), &parent.path().join("other"), &endpoints);
        assert!(twice.unwrap_err().to_string().contains("says already"));
    }

    #[test]
    fn wrong_manifests_are_shown_and_nothing_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let to = parent.path().join("imported");
        let (result, output) = import(&corpus("invalid/kpromo-tag-with-two-digests"), &to, &[]);
        assert!(result.is_err());
        assert!(output.contains("images/dns/images.yaml:3:81: error"), "{output}");
        assert!(!to.exists());
    }

    #[test]
    fn what_landfalls_own_manifests_cannot_say_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let from = parent.path().join("from");
        let write = |path: &str, text: &str| {
            let path = from.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let digest = crate::model::Digest::of(b"a");
        for (project, destination, image) in [("root", "", "dns/a"), ("dns", "/dns", "b")] {
            write(
                &format!("manifests/{project}/promoter-manifest.yaml"),
                &format!(
                    "registries:\n- {{name: s.example.com/{project}, src: true}}\n- name: p.example.com/images{destination}\n"
                ),
            );
            write(
                &format!("images/{project}/images.yaml"),
                &format!("- name: {image}\n  dmap:\n    \"{digest}\": [v1]\n"),
            );
        }
        let endpoints = ["--public-name=r.example.com", "--primary=p.example.com/images"];
        let to = parent.path().join("imported");
        let (result, output) = import(&from, &to, &endpoints);
        assert!(result.unwrap_err().to_string().contains("cannot say the same"));
        assert!(output.contains("foreign-path"), "{output}");
        assert!(!to.exists());
    }
}
