//! `landfall key`: keys in files.

use std::io::Write;

use clap::{Args, Subcommand};
use miette::IntoDiagnostic as _;

use super::{Common, ExitCode, WithExitCode as _};

mod check;
mod error;
mod found;
mod generate;
mod password;
mod public;

/// Makes and looks at keys that landfall and cosign sign with
#[derive(Debug, Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Generate(generate::Generate),
    Public(public::Public),
    Check(check::Check),
}

impl KeyCommand {
    /// # Errors
    /// Where no key was made, or one is not good.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> miette::Result<ExitCode> {
        let result = match self.action {
            Action::Generate(generate) => generate.run(output),
            Action::Public(public) => public.run(output),
            Action::Check(check) => check.run(common.format, output),
        };
        match result {
            Ok(()) => Ok(ExitCode::AsDesired),
            Err(error) => {
                let code = error.exit_code();
                Err(error).into_diagnostic().with_exit_code(code)
            }
        }
    }
}
