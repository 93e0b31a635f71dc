//! Whether what is to be signed can be signed, before anything is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use miette::{Report, miette};

use super::exit_code::Ended as _;
use super::{ExitCode, WithExitCode as _};
use crate::assembly;
use crate::config::Config;
use crate::graph::Graph;
use crate::model::{Foreign, Signer};
use crate::plan::{Action, Step};
use crate::signing::SigningError;

/// The signers that these steps need.
#[must_use]
pub fn needed(graph: &Graph, steps: &[Step]) -> Vec<Arc<Signer>> {
    let signing = steps.iter().filter(|step| matches!(step.action, Action::Sign));
    named(signing.filter_map(|step| graph.unit(step.node.unit).claim()?.signer.as_ref()))
}

/// The signers that the manifests name for what they promote.
#[must_use]
pub fn wanted(graph: &Graph) -> Vec<Arc<Signer>> {
    named(
        graph
            .wanted()
            .filter_map(|unit| graph.unit(unit).claim()?.signer.as_ref()),
    )
}

fn named<'a>(signers: impl Iterator<Item = &'a Arc<Signer>>) -> Vec<Arc<Signer>> {
    let by_name: BTreeMap<&str, &Arc<Signer>> = signers.map(|signer| (&*signer.name, signer)).collect();
    by_name.into_values().map(Arc::clone).collect()
}

/// What is wrong with signers, once for each.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    error: SigningError,
    /// The configuration names a key for it, so that this is no mere place to look from.
    configured: bool,
}

/// Opens the key of each signer with its password, and compares it with what Git says.
///
/// # Errors
/// A password variable that is not set.
pub async fn check(config: &Config, signers: &[Arc<Signer>]) -> Result<Faults, Report> {
    let keys = assembly::signers(config).ended()?;
    let mut faults = Vec::new();
    for signer in signers {
        if let Err(error) = keys.check(signer).await {
            faults.push(Fault {
                error,
                configured: config.signers.contains_key(&*signer.name),
            });
        }
    }
    Ok(Faults { faults })
}

impl Faults {
    /// Whether a key that the configuration names does not do.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        self.faults.iter().any(|fault| fault.configured)
    }

    /// A line for each, with what can be done about it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.faults
            .iter()
            .map(|Fault { error, .. }| {
                let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
                format!("signer `{}`: {}{help}", error.signer, Foreign(&error.message))
            })
            .collect()
    }

    /// Refuses to write where something could not be signed.
    ///
    /// # Errors
    /// [`ExitCode::Invalid`] with all of them.
    pub fn refuse(&self) -> Result<(), Report> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(miette!(
            help = "nothing was written; without a signer an image would be copied and never published",
            "what is to be signed cannot be signed here:\n  {}",
            self.lines().join("\n  ")
        ))
        .with_exit_code(ExitCode::Invalid)
    }
}
