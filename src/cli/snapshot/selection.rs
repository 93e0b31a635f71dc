//! Which tags of a repository are written down, as flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use globset::Glob;
use miette::{IntoDiagnostic as _, Report, WrapErr as _};

use crate::adoption::snapshot::Selection;
use crate::cli::{ExitCode, WithExitCode as _};
use crate::trust::PublicKey;

/// Tags that are signed, of those the newest, of those that match.
#[derive(Debug, clap::Args)]
pub struct SelectionArguments {
    /// Only tags that match, such as "v1.*"; may be given several times
    #[arg(long = "tag", value_name = "GLOB")]
    include: Vec<Glob>,

    /// Leave out tags that match; may be given several times
    #[arg(long = "exclude-tag", value_name = "GLOB")]
    exclude: Vec<Glob>,

    /// Only the newest N tags of each repository, by the time at which the image was made
    ///
    /// That is the annotation org.opencontainers.image.created, else `created` in the image's configuration; an index
    /// is as old as the first image in it. Images that do not say (or say 1970, as reproducible builds do) count as
    /// older than all that do, and are named.
    #[arg(long, value_name = "N")]
    newest: Option<NonZeroUsize>,

    /// Only images with a signature that verifies with this public key (PEM); several keys: any of them
    #[arg(long, value_name = "FILE")]
    signed_by: Vec<PathBuf>,
}

impl SelectionArguments {
    /// # Errors
    /// A key that cannot be read, patterns that are too large together.
    pub fn open(&self) -> Result<Selection, Report> {
        let keys = self.signed_by.iter().map(|path| {
            let pem = std::fs::read(path).into_diagnostic();
            pem.and_then(|pem| PublicKey::from_pem(&pem).into_diagnostic())
                .wrap_err_with(|| format!("the public key {}", path.display()))
                .with_exit_code(ExitCode::Invalid)
        });
        Selection::new(
            &self.include,
            &self.exclude,
            self.newest,
            keys.collect::<Result<_, _>>()?,
        )
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)
    }
}
