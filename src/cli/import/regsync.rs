//! `landfall import regsync`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::written::{Destination, import};
use crate::adoption::import::regsync;
use crate::cli::{Common, ExitCode};

/// Write what a regsync file copies as manifests, with the digests that stand at the sources now
///
/// What has no counterpart is named with its line: schedules, backups, platforms, hooks. Credentials are not read.
/// Templates ({{…}}) are refused: write what they stand for. Ends with 2 where images are left out.
#[derive(Debug, Args)]
pub struct RegsyncCommand {
    /// regsync's configuration file
    file: PathBuf,

    #[command(flatten)]
    destination: Destination,
}

impl RegsyncCommand {
    /// # Errors
    /// What cannot be read or written.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, miette::Report> {
        import("regsync", &self.file, &self.destination, common, output, regsync::read)
    }
}
