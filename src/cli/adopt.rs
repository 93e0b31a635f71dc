//! `landfall adopt`: lets landfall take tags over that stand on something foreign.

use std::io::Write;

use globset::Glob;
use miette::{IntoDiagnostic as _, Report};

use super::session::Preview;
use super::{Common, ExitCode, Terminal};
use crate::assembly::Session;
use crate::plan::{Cause, Scope};

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
    /// Writes to landfall's own memory only: the next `apply` moves the tags.
    ///
    /// # Errors
    /// Where configuration, repository or state cannot be read or written.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let mut session = Session::open(common)?;
        let Preview { judged, pass, .. } = session.preview(common, &Scope::default(), terminal)?;
        let matches = self.glob.compile_matcher();
        let mut adopted = 0;
        for blocked in &pass.last.blocked {
            let Cause::Conflict { tag, endpoint, found } = &blocked.cause else {
                continue;
            };
            let graph = session.reconciler.graph();
            let (repository, name) = graph.tag(*tag);
            let place = format!("{}:{name}", graph.place(repository, *endpoint));
            if !matches.is_match(&place) {
                continue;
            }
            session
                .reconciler
                .adopt(*tag, *endpoint, *found, &self.reason)
                .into_diagnostic()?;
            writeln!(output, "{place} stands on {found}: the next apply may replace it").into_diagnostic()?;
            adopted += 1;
        }
        if adopted == 0 {
            writeln!(output, "No tag in conflict matches {}.", self.glob.glob()).into_diagnostic()?;
        }
        Ok(judged)
    }
}
