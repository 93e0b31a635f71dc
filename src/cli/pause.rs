//! `landfall pause` and `landfall resume`: whether the running daemon writes.

use std::io::Write;

use miette::{IntoDiagnostic as _, Report};
use serde_json::json;

use super::daemon::have_done;
use super::session::configuration;
use super::{Common, ExitCode};
use crate::model::Pause;
use crate::reconcile::state::State;

/// Write nothing to registries until `resume`, and go on looking
///
/// What has begun comes to its end. It holds over restarts, and for `apply` too.
#[derive(Debug, clap::Args)]
pub struct PauseCommand {
    /// Why, for whoever finds it paused
    #[arg(long)]
    reason: String,
}

/// Let writes to registries go on after `pause`
#[derive(Debug, clap::Args)]
pub struct ResumeCommand {}

impl PauseCommand {
    /// # Errors
    /// Where the daemon does not answer, or the state cannot be written.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let body = json!({ "reason": self.reason });
        let pause = || Pause {
            since: jiff::Timestamp::now(),
            reason: self.reason.clone(),
        };
        set(common, "pause", &body, Some(&pause()), output)
    }
}

impl ResumeCommand {
    /// # Errors
    /// Where the daemon does not answer, or the state cannot be written.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        set(common, "resume", &json!({}), None, output)
    }
}

/// By the running daemon, where there is one; else in the state.
fn set(
    common: &Common,
    path: &str,
    body: &serde_json::Value,
    pause: Option<&Pause>,
    output: &mut dyn Write,
) -> Result<ExitCode, Report> {
    let config = configuration(common)?;
    if let Some(code) = have_done(common, &config, path, body, output)? {
        return Ok(code);
    }
    let state = State::open(&config.storage.state).into_diagnostic()?;
    state.write(|batch| batch.set_pause(pause)).into_diagnostic()?;
    let said = match pause {
        Some(_) => "Writes are paused, for `landfall run` once it runs and for `landfall apply`.",
        None => "Writes go on.",
    };
    writeln!(output, "{said}").into_diagnostic()?;
    Ok(ExitCode::AsDesired)
}
