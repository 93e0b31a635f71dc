//! `landfall completions`: what a shell completes.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use miette::{IntoDiagnostic, Report};

use super::{Cli, ExitCode};

/// Write a shell's completions to standard output
#[derive(Debug, Args)]
pub struct CompletionsCommand {
    shell: Shell,
}

impl CompletionsCommand {
    /// # Errors
    /// Where standard output cannot be written.
    pub fn run(self, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "landfall", &mut script);
        output.write_all(&script).into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }
}
