//! `landfall status`: how things stand, as the running daemon knows it.

use std::io::Write;

use miette::Report;
use reqwest::Method;

use super::daemon::{Question, write_answer};
use super::session::configuration;
use super::{Common, ExitCode};

/// Tell how everything stands, or one image, as the running daemon knows it
///
/// It asks `landfall run` through its socket, and no registry.
#[derive(Debug, clap::Args)]
pub struct StatusCommand {
    /// An image: REPOSITORY:TAG, REPOSITORY@DIGEST or a digest, the repository under its public name, at an endpoint, or as
    /// TARGET/PATH; or all of a repository or target
    reference: Option<String>,
}

impl StatusCommand {
    /// # Errors
    /// Where no daemon runs or answers, and where it promotes nothing of this name.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let reference = self.reference.as_deref().map(|reference| [("reference", reference)]);
        let question = Question {
            method: Method::GET,
            path: if reference.is_some() { "images" } else { "status" },
            query: reference.as_ref().map_or(&[], |pairs| &pairs[..]),
            body: None,
        };
        let answer = question.ask_running(&config, common.format)?;
        write_answer(&answer, output)?;
        Ok(ExitCode::AsDesired)
    }
}
