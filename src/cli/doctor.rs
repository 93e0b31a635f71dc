//! `landfall doctor`: what a registry can and cannot do, and what that means.

mod examination;
mod examine;
mod hosts;
mod identity;
mod json;
mod material;
mod reaching;
mod reading;
mod text;
mod trial;
mod verdict;

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report};
use rand::Rng as _;

use self::examine::Examiner;
use super::known_registries::KnownRegistries;
use super::reach::Reach;
use super::session::{CACHE_BYTES, runtime, stop_on_signals};
use super::{Common, ExitCode, Format, Terminal};
use crate::model::Prefix;
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
            examiner.examine().await
        })?;
        match common.format {
            Format::Text => write!(output, "{}", text::text(&examination, terminal.width)),
            Format::Json => writeln!(output, "{:#}", json::json(&examination)),
        }
        .into_diagnostic()?;
        Ok(examination.exit_code())
    }
}

#[cfg(test)]
mod tests;
