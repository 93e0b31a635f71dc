//! `landfall adopt`: lets landfall take tags over that stand on something foreign.

use std::io::Write;

use globset::Glob;
use miette::{IntoDiagnostic as _, Report};
use serde_json::json;

use super::daemon::have_done;
use super::session::{Preview, configuration};
use super::{Common, ExitCode, Terminal};
use crate::assembly::Session;
use crate::plan::Scope;

/// Let landfall replace what these tags stand on, where it neither set nor declared it
#[derive(Debug, clap::Args)]
pub struct AdoptCommand {
    /// Registry, repository and tag, such as "registry.example.com/images/**:latest"
    glob: Glob,

    /// Why, for the record
    #[arg(long)]
    reason: String,
}

impl AdoptCommand {
    /// Writes to landfall's own memory only: the next `apply` moves the tags, or a running `landfall run`, at once.
    ///
    /// # Errors
    /// Where configuration, repository or state cannot be read or written.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let body = json!({ "glob": self.glob.glob(), "reason": self.reason });
        if let Some(code) = have_done(common, &config, "adopt", &body, output)? {
            return Ok(code);
        }
        let mut session = Session::open(common)?;
        let Preview { judged, pass, .. } = session.preview(common, &Scope::default(), terminal)?;
        let adopted = session
            .reconciler
            .adopt_matching(&pass.last.blocked, &self.glob, &self.reason)
            .into_diagnostic()?;
        for (place, found) in &adopted {
            writeln!(output, "{place} stands on {found}: the next apply may replace it").into_diagnostic()?;
        }
        if adopted.is_empty() {
            writeln!(output, "No tag in conflict matches {}.", self.glob.glob()).into_diagnostic()?;
        }
        Ok(judged)
    }
}
