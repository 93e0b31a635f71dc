//! `landfall schema`: JSON Schemas of the manifests and of the configuration.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use miette::{Context as _, IntoDiagnostic as _};

use super::ExitCode;
use crate::config;
use crate::desired::schemas;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// landfall.toml
    Landfall,
    /// promotions/PROJECT/**.toml
    Promotions,
    /// config.toml
    Config,
}

/// Print or write the JSON Schemas of manifests and configuration
#[derive(Debug, clap::Args)]
pub struct SchemaCommand {
    /// Write the schemas as files into this directory instead of printing one
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Which one
    #[arg(value_enum, required_unless_present = "write")]
    name: Option<Name>,
}

impl SchemaCommand {
    /// # Errors
    /// Where the directory or `output` cannot be written.
    pub fn run(self, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let wanted = match self.name {
            None => "",
            Some(Name::Landfall) => "landfall",
            Some(Name::Promotions) => "promotions",
            Some(Name::Config) => "config",
        };
        let configuration = ("config.schema.json", config::schema());
        let all = schemas().into_iter().chain([configuration]);
        for (file, schema) in all.filter(|(file, _)| file.starts_with(wanted)) {
            match &self.write {
                None => output.write_all(schema.as_bytes()).into_diagnostic()?,
                Some(directory) => {
                    let path = directory.join(file);
                    fs::create_dir_all(directory)
                        .and_then(|()| fs::write(&path, schema))
                        .into_diagnostic()
                        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
                    writeln!(output, "wrote {}", path.display()).into_diagnostic()?;
                }
            }
        }
        Ok(ExitCode::AsDesired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_printed_and_all_are_written() {
        let mut output = Vec::new();
        let command = |write, name| SchemaCommand { write, name };
        assert_eq!(
            command(None, Some(Name::Promotions)).run(&mut output).unwrap(),
            ExitCode::AsDesired
        );
        let printed: serde_json::Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(printed["title"], "promotions/PROJECT/**.toml");
        let directory = tempfile::tempdir().unwrap();
        command(Some(directory.path().join("schema")), None)
            .run(&mut output)
            .unwrap();
        assert!(directory.path().join("schema/landfall.schema.json").exists());
    }
}
