//! `landfall reconcile`: has the running daemon look now.

use std::io::Write;

use miette::Report;
use reqwest::Method;
use serde_json::json;

use super::daemon::{Question, write_answer};
use super::session::configuration;
use super::{Common, ExitCode};

/// Have the running daemon look at the branch and at registries now, and wait until it is done
#[derive(Debug, clap::Args)]
pub struct ReconcileCommand {
    /// Only this target or image, named as for `status`
    only: Option<String>,
}

impl ReconcileCommand {
    /// # Errors
    /// Where no daemon runs or answers, and where it promotes nothing of this name.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let body = json!({ "only": self.only });
        let question = Question {
            method: Method::POST,
            path: "reconcile",
            query: &[],
            body: Some(&body),
        };
        let answer = question.ask_running(&config, common.format)?;
        write_answer(&answer, output)?;
        Ok(answer.shortfall.as_ref().map(ExitCode::after_doing).unwrap_or_default())
    }
}
