//! Asking a running `landfall run` through its socket.

use std::io::Write;

use miette::{IntoDiagnostic as _, Report, miette};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::session::runtime;
use super::{Common, ExitCode, Format, WithExitCode as _};
use crate::config::Config;
use crate::model::Shortfall;
use crate::serve::SHORTFALL;

/// What a daemon answered.
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
    /// What keeps registries from being as desired, where the answer is about that.
    pub shortfall: Option<Shortfall>,
}

/// Something to ask.
pub struct Question<'a> {
    pub method: Method,
    /// Below `/api/v1/`.
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<&'a Value>,
}

impl Question<'_> {
    /// Asks the daemon whose socket the configuration names. `None` where none runs.
    ///
    /// # Errors
    /// Where one runs and does not answer, or where its answer says that the request cannot be carried out.
    pub fn ask(&self, config: &Config, format: Format) -> Result<Option<Answer>, Report> {
        let socket = &config.serve.socket;
        // What nobody listens on is left over from a process that was killed.
        if std::os::unix::net::UnixStream::connect(socket).is_err() {
            return Ok(None);
        }
        let answer = runtime()?.block_on(self.send(socket, format));
        let answer = answer.map_err(|error| {
            miette!(
                help = "its log says what it does; `systemctl status landfall` whether it runs",
                "`landfall run` does not answer on its socket {}: {error}",
                socket.display()
            )
        })?;
        if answer.status.is_success() {
            return Ok(Some(answer));
        }
        let detail = serde_json::from_str::<Value>(&answer.body)
            .ok()
            .and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()))
            .unwrap_or(answer.body);
        let code = match answer.status {
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::CONFLICT => ExitCode::Invalid,
            StatusCode::FORBIDDEN => ExitCode::AccessRefused,
            _ => ExitCode::Failed,
        };
        Err(miette!("{detail}")).with_exit_code(code)
    }

    /// The same, where nothing can be said without a daemon.
    ///
    /// # Errors
    /// Where none runs too.
    pub fn ask_running(&self, config: &Config, format: Format) -> Result<Answer, Report> {
        self.ask(config, format)?.ok_or_else(|| {
            miette!(
                help = "`landfall run` starts it; `landfall plan` looks at registries without it",
                "no `landfall run` listens on the socket {}",
                config.serve.socket.display()
            )
        })
    }

    async fn send(&self, socket: &std::path::Path, format: Format) -> reqwest::Result<Answer> {
        let client = reqwest::Client::builder().unix_socket(socket).no_proxy().build()?;
        let wanted = match format {
            Format::Text => HeaderValue::from_static("text/plain"),
            Format::Json => HeaderValue::from_static("application/json"),
        };
        let mut url = url::Url::parse("http://landfall/api/v1/").expect("it is one");
        url.set_path(&format!("/api/v1/{}", self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        let mut request = client.request(self.method.clone(), url).header(ACCEPT, wanted);
        if let Some(body) = self.body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await?;
        let shortfall = answer
            .headers()
            .get(SHORTFALL)
            .and_then(|shortfall| serde_json::from_slice(shortfall.as_bytes()).ok());
        Ok(Answer {
            status: answer.status(),
            shortfall,
            body: answer.text().await?,
        })
    }
}

/// Has the running daemon do something, where one runs, and prints what it did. `None` where none does.
///
/// # Errors
/// Where it refuses, or does not answer.
pub fn have_done(
    common: &Common,
    config: &Config,
    path: &str,
    body: &Value,
    output: &mut dyn Write,
) -> Result<Option<ExitCode>, Report> {
    let question = Question {
        method: Method::POST,
        path,
        query: &[],
        body: Some(body),
    };
    match question.ask(config, common.format)? {
        Some(answer) => {
            write_answer(&answer, output)?;
            Ok(Some(ExitCode::AsDesired))
        }
        None => Ok(None),
    }
}

/// Prints an answer, ended by a line break.
///
/// # Errors
/// Where it cannot be written.
pub fn write_answer(answer: &Answer, output: &mut dyn Write) -> Result<(), Report> {
    writeln!(output, "{}", answer.body.trim_end_matches('\n')).into_diagnostic()
}
