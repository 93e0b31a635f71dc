//! `landfall doctor`: what a registry can and cannot do, and what that means.

mod json;
mod text;

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report};
use rand::Rng as _;

use super::exit_code::Ended as _;
use super::reach::Reach;
use super::session::{runtime, stop_on_signals};
use super::{Common, ExitCode, Format, Terminal};
use crate::assembly::{CACHE_BYTES, KnownRegistries};
use crate::doctor::{ConclusionKind, Examination, Examiner, Outcome};
use crate::model::{KnownBy, Prefix};
use crate::reconcile::cache::Cache;

/// Find out what a registry can and cannot do, and what that means for images and signatures
///
/// Only reads, unless --write is given: name, proxy, TLS, which credentials are shown and from where, what a token allows,
/// the clock, quotas, the catalog, the referrers API. What a registry shows is remembered for a week in the cache.
///
/// Ends with 2 where something is to be done, 4 where the registry or allow-writes refuses, 1 where it does not answer.
#[derive(Debug, clap::Args)]
pub struct DoctorCommand {
    /// The registry, and the repository prefix that landfall has to do with, such as registry.example.com/images
    prefix: Prefix,

    /// Also try uploads, mounts, kinds of manifests, tags and deletes in PREFIX/landfall-doctor-…, and clean up after it
    #[arg(long)]
    write: bool,

    #[command(flatten)]
    reach: Reach,
}

impl DoctorCommand {
    /// # Errors
    /// Something wrong in the configuration; `allow-writes` that does not cover the prefix.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = self.reach.configuration(common, &[&self.prefix.registry])?;
        let known = KnownRegistries {
            cache: Arc::new(Cache::open(&config.storage.cache, CACHE_BYTES)),
            config,
        };
        let nonce = self.write.then(|| format!("{:08x}", rand::rng().random::<u32>()));
        let examination = runtime()?.block_on(async {
            let stop = stop_on_signals();
            let examiner = Examiner {
                known: &known,
                prefix: &self.prefix,
                nonce: nonce.as_deref(),
                now: Timestamp::now(),
                stop: &stop,
            };
            examiner.examine().await.ended()
        })?;
        match common.format {
            Format::Text => write!(output, "{}", text::text(&examination, terminal.width)),
            Format::Json => writeln!(output, "{:#}", json::json(&examination)),
        }
        .into_diagnostic()?;
        Ok(exit_code(&examination))
    }
}

const fn code_of(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Fine | Outcome::Note => ExitCode::AsDesired,
        Outcome::Attention => ExitCode::Differences,
        Outcome::Refused => ExitCode::AccessRefused,
        Outcome::Failed => ExitCode::Failed,
    }
}

/// [`ExitCode::Differences`] where there is something to do: a check that says so, an answer that contradicts the
/// configuration, something that images or signatures need and cannot have here, something left behind.
fn exit_code(examination: &Examination) -> ExitCode {
    let finding = examination
        .contradictions
        .iter()
        .any(|found| found.believed.known_by == KnownBy::Declared)
        || examination
            .conclusions
            .iter()
            .any(|found| found.kind == ConclusionKind::Cannot)
        || examination.trial.as_ref().is_some_and(|trial| !trial.left.is_empty());
    let others = [
        if finding {
            ExitCode::Differences
        } else {
            ExitCode::AsDesired
        },
        if examination.interrupted {
            ExitCode::Interrupted
        } else {
            ExitCode::AsDesired
        },
    ];
    let checks = examination.checks.iter().map(|check| code_of(check.outcome));
    checks.chain(others).collect()
}

#[cfg(test)]
mod tests;
