//! `landfall import`: what another tool was told, told to landfall.

mod kpromo;
mod regsync;
mod skopeo_sync;
mod written;

use std::io::Write;

use miette::Report;

use super::{Common, ExitCode};

/// Write another tool's configuration as manifests
#[derive(Debug, clap::Args)]
pub struct ImportCommand {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    Kpromo(kpromo::KpromoImport),
    Regsync(regsync::RegsyncCommand),
    SkopeoSync(skopeo_sync::SkopeoSyncCommand),
}

impl ImportCommand {
    /// # Errors
    /// What cannot be read or written, or cannot be said in manifests.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        match self.from {
            From::Kpromo(command) => command.run(output),
            From::Regsync(command) => command.run(common, output),
            From::SkopeoSync(command) => command.run(common, output),
        }
    }
}
