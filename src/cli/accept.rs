//! `landfall accept`: which commit is followed, where a person has to say.

use std::io::Write;

use miette::{IntoDiagnostic as _, Report};
use serde_json::json;

use super::daemon::have_done;
use super::session::configuration;
use super::{Common, ExitCode, WithExitCode as _};
use crate::assembly::{Opening, Session};
use crate::source::Source as _;

/// Follow this commit from now on, whatever was followed before
///
/// A running `landfall run` does it at once.
#[derive(Debug, clap::Args)]
pub struct AcceptCommand {
    /// A commit, branch or tag
    revision: String,
}

impl AcceptCommand {
    /// # Errors
    /// Where there is no such commit, or its manifests are refused.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let body = json!({ "revision": self.revision });
        if let Some(code) = have_done(common, &config, "accept", &body, output)? {
            return Ok(code);
        }
        let mut session = Session::open_for(common, Opening::Once(&[&self.revision]))?;
        let commit = session
            .source
            .resolve(&self.revision)
            .into_diagnostic()
            .with_exit_code(ExitCode::Invalid)?;
        let branch = session.source.branch().into_diagnostic()?;
        session.reconciler.accept_rewritten(commit).into_diagnostic()?;
        writeln!(output, "`{branch}` is followed from commit {commit} on.").into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }
}
