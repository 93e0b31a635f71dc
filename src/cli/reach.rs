//! Reaching registries for a first look: with the configuration, or without any.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Report, miette};

use super::{Common, ExitCode, WithExitCode as _};
use crate::config::{Config, Environment};
use crate::model::Registry;

/// For commands that only read, and come before there is a configuration.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Reach {
    /// Use HTTP without TLS, for registries on this machine; elsewhere `plain-http` in the configuration does so
    #[arg(long)]
    plain_http: bool,
}

impl Reach {
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.plain_http
    }

    /// The configuration that the command line names or that is found, else defaults: everything may be read, with
    /// Docker's logins.
    ///
    /// # Errors
    /// Something wrong in it, or plain HTTP to a registry that is not on this machine.
    pub fn configuration(self, common: &Common, registries: &[&Registry]) -> Result<Arc<Config>, Report> {
        let mut config = Config::load(common.config.as_deref(), Environment::Process)
            .into_diagnostic()
            .with_exit_code(ExitCode::Invalid)?;
        if !self.plain_http {
            return Ok(Arc::new(config));
        }
        let local: Vec<_> = registries.iter().filter(|registry| registry.is_loopback()).collect();
        if local.is_empty() {
            let names: Vec<_> = registries.iter().map(ToString::to_string).collect();
            return Err(miette!(
                help =
                    "for a registry elsewhere, write `plain-http = true` under [registries.\"HOST\"] into config.toml",
                "--plain-http is for registries on this machine, and {} is none",
                names.join(", ")
            ))
            .with_exit_code(ExitCode::Invalid);
        }
        for registry in local {
            config.without_tls(registry);
        }
        Ok(Arc::new(config))
    }
}
