//! From the configuration to registries.

use std::sync::Arc;

use super::{AllowedRegistries, AssemblyError};
use crate::config::{BudgetSettings, Config, Credential, RegistrySettings, Upload};
use crate::credentials::Sources;
use crate::http::{BudgetLimits, CertificateFiles, ClientCertificate, ClientOptions, Concurrency, Timeouts};
use crate::model::Capability;
use crate::registry::{HttpRegistries, PrefixOptions, RegistryOptions, UploadManner};

/// Opens what the configuration names.
///
/// # Errors
/// Certificates that cannot be used, options that make no client.
pub fn registries(config: &Arc<Config>) -> Result<AllowedRegistries, AssemblyError> {
    let client = client_options(config);
    let sources = Sources::new(config.environment.clone(), client.clone());
    let prefixes = config
        .registries
        .iter()
        .map(|settings| prefix_options(settings, &sources))
        .collect();
    let budgets = config.budgets.iter().map(|(name, settings)| {
        let limits = budget_limits(settings, client.concurrency.requests);
        (name.clone(), limits)
    });
    let registries = HttpRegistries::new(RegistryOptions {
        prefixes,
        stored: Some(sources.stored()),
        budgets: budgets.collect(),
        limits: config.limits,
        client,
    })?;
    Ok(AllowedRegistries {
        registries: Arc::new(registries),
        config: Arc::clone(config),
    })
}

/// How every host is spoken with.
pub(super) fn client_options(config: &Config) -> ClientOptions {
    let defaults = ClientOptions::default();
    let timeouts = &config.work.timeouts;
    ClientOptions {
        timeouts: Timeouts {
            connect: timeouts.connect.unwrap_or(defaults.timeouts.connect),
            head: timeouts.head.unwrap_or(defaults.timeouts.head),
            idle: timeouts.idle.unwrap_or(defaults.timeouts.idle),
            body: timeouts.body.unwrap_or(defaults.timeouts.body),
            commit: timeouts.commit.unwrap_or(defaults.timeouts.commit),
            ..defaults.timeouts
        },
        concurrency: Concurrency {
            requests: config.work.concurrency.unwrap_or(defaults.concurrency.requests),
            ..defaults.concurrency
        },
        ..defaults
    }
}

fn budget_limits(settings: &BudgetSettings, concurrency: usize) -> BudgetLimits {
    BudgetLimits {
        requests_per_second: settings.requests_per_second,
        in_flight: settings.concurrency.unwrap_or(concurrency),
        separate: settings.separate,
    }
}

fn prefix_options(settings: &RegistrySettings, sources: &Sources) -> PrefixOptions {
    let source = |credential: &Option<Credential>| {
        credential
            .as_ref()
            .map(|credential| sources.of(credential, settings.plain_http))
    };
    PrefixOptions {
        read: source(&settings.read),
        write: source(&settings.write),
        certificates: CertificateFiles {
            authorities: settings.ca.clone(),
            client: settings.client.as_ref().map(|client| ClientCertificate {
                certificate: client.certificate.clone(),
                key: client.key.clone(),
            }),
        },
        private_hosts: settings.private_hosts.clone(),
        plain_http: settings.plain_http,
        referrers_api: !settings.is_declared_unable(Capability::Referrers),
        budget: settings.budget.clone(),
        upload: settings.upload.map(|upload| match upload {
            Upload::Monolithic => UploadManner::Monolithic,
            Upload::Chunked => UploadManner::Chunked,
        }),
        ..PrefixOptions::new(settings.prefix.clone())
    }
}
