//! `landfall import`: other programs' files, written as manifests. One file per kind.

mod kpromo;

use std::io::Write;

use super::ExitCode;
use kpromo::KpromoImport;

/// Write other programs' promotions as landfall's own manifests
#[derive(Debug, clap::Args)]
pub struct ImportCommand {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    Kpromo(KpromoImport),
}

impl ImportCommand {
    /// # Errors
    /// Where something cannot be read or written, or cannot be said in manifests.
    pub fn run(self, output: &mut dyn Write) -> miette::Result<ExitCode> {
        match self.from {
            From::Kpromo(import) => import.run(output),
        }
    }
}
