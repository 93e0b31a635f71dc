//! Runs a plugin's program once.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::PluginError;
use super::protocol::{Answer, Arguments, VERSION};

/// How long one call may take: a remote KMS answers within seconds, or not.
const TIME: Duration = Duration::from_secs(60);

/// An answer holds one signature or one public key.
const ANSWER: u64 = 64 << 10;

/// What it says to people is logged up to here.
const SAID: u64 = 16 << 10;

/// Calls the program with these arguments, and `message` on standard input. It has this process's environment, where plugins
/// look for their credentials.
pub(super) async fn call(program: &Path, arguments: &Arguments<'_>, message: &[u8]) -> Result<Answer, PluginError> {
    tokio::time::timeout(TIME, run(program, arguments, message))
        .await
        .map_err(|_| PluginError::TimedOut {
            program: program.to_owned(),
            limit: TIME,
        })?
}

async fn run(program: &Path, arguments: &Arguments<'_>, message: &[u8]) -> Result<Answer, PluginError> {
    let not_started = |reason: String| PluginError::NotStarted {
        program: program.to_owned(),
        reason,
    };
    let arguments = serde_json::to_string(arguments).map_err(|error| not_started(error.to_string()))?;
    let mut process = Command::new(program)
        .args([VERSION, &arguments])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(error.to_string()))?;
    let (input, output, said) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let write = async {
        if let Some(mut input) = input {
            // One that answers without reading everything is judged by its answer.
            let _ = input.write_all(message).await;
        }
    };
    let ((), output, said) = tokio::join!(write, all_of(output, ANSWER), all_of(said, SAID));
    let status = process.wait().await;
    let said = String::from_utf8_lossy(&said);
    if !said.trim().is_empty() {
        tracing::debug!(plugin = %program.display(), said = said.trim(), "a signing plugin says");
    }
    // As Sigstore's library: whatever the program ends with, the answer says whether it went well.
    let answer: Answer = serde_json::from_slice(&output).map_err(|error| PluginError::Answer {
        program: program.to_owned(),
        reason: match status {
            Ok(status) if !status.success() => format!("{error}; it ended with {status}"),
            _ => error.to_string(),
        },
    })?;
    if answer.error_message.is_empty() {
        return Ok(answer);
    }
    Err(PluginError::Refused {
        program: PathBuf::from(program),
        message: answer.error_message.chars().take(500).collect(),
    })
}

/// What comes, up to the limit; what is beyond it is read and dropped, so that nobody waits for a reader.
async fn all_of(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream).take(limit).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}
