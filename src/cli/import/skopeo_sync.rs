//! `landfall import skopeo-sync`.

use std::io::Write;
use std::path::PathBuf;

use super::written::{Destination, import};
use crate::adoption::import::skopeo_sync;
use crate::cli::{Common, ExitCode};
use crate::model::Prefix;

/// Write what a file of `skopeo sync --src yaml` copies as manifests, with the digests that stand at the sources now
///
/// What has no counterpart is named with its line. Credentials are not read. Ends with 2 where images are left out.
#[derive(Debug, clap::Args)]
pub struct SkopeoSyncCommand {
    /// The file that `skopeo sync --src yaml` takes as its source
    file: PathBuf,

    /// Where the images go: what `skopeo sync --dest docker` takes as its destination
    #[arg(long = "to", value_name = "PREFIX")]
    to: Prefix,

    /// Below their whole source name, as with `skopeo sync --scoped`; otherwise by the last part of it
    #[arg(long)]
    scoped: bool,

    #[command(flatten)]
    destination: Destination,
}

impl SkopeoSyncCommand {
    /// # Errors
    /// What cannot be read or written.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, miette::Report> {
        let Self {
            file,
            to,
            scoped,
            destination,
        } = self;
        import(
            "skopeo sync",
            &file,
            &destination,
            common,
            output,
            |document, report| skopeo_sync::read(document, &to, scoped, report),
        )
    }
}
