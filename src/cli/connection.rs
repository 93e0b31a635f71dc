//! From the configuration to registries and signers.

use std::sync::Arc;

use bytes::Bytes;
use miette::{IntoDiagnostic as _, Report};

use super::{ExitCode, WithExitCode as _};
use crate::config::{BudgetSettings, Config, Credential, Refusal, RegistrySettings, SecretSource, Upload};
use crate::credentials::Sources;
use crate::http::{BudgetLimits, CertificateFiles, ClientCertificate, ClientOptions, Concurrency, Timeouts};
use crate::model::{Capability, Descriptor, Digest, Prefix, Repository, RepositoryPath, Tag};
use crate::registry::{
    BlobStream, Catalog, ErrorKind, FetchedManifest, HttpRegistries, ManifestAt, Mount, PrefixOptions, Pushed,
    Referrers, Registry, RegistryError, RegistryOptions, Removal, UploadManner,
};
use crate::signing::{KeyFileSigners, KeyFileSource, Password, PasswordSource};

/// Registries over HTTP, as far as `allow-reads` and `allow-writes` let this process touch them.
#[derive(Clone)]
pub struct AllowedRegistries {
    registries: Arc<HttpRegistries>,
    config: Arc<Config>,
}

/// Opens what the configuration names.
///
/// # Errors
/// Certificates that cannot be used, options that make no client.
pub fn registries(config: &Arc<Config>) -> Result<AllowedRegistries, Report> {
    let defaults = ClientOptions::default();
    let timeouts = &config.work.timeouts;
    let client = ClientOptions {
        timeouts: Timeouts {
            connect: timeouts.connect.unwrap_or(defaults.timeouts.connect),
            head: timeouts.head.unwrap_or(defaults.timeouts.head),
            idle: timeouts.idle.unwrap_or(defaults.timeouts.idle),
            body: timeouts.body.unwrap_or(defaults.timeouts.body),
            commit: timeouts.commit.unwrap_or(defaults.timeouts.commit),
        },
        concurrency: Concurrency {
            requests: config.work.concurrency.unwrap_or(defaults.concurrency.requests),
            ..defaults.concurrency
        },
        ..defaults
    };
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
    })
    .into_diagnostic()
    .with_exit_code(ExitCode::Invalid)?;
    Ok(AllowedRegistries {
        registries: Arc::new(registries),
        config: Arc::clone(config),
    })
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

/// The signers whose keys the configuration names.
///
/// # Errors
/// A password variable that is not set.
pub fn signers(config: &Config) -> Result<KeyFileSigners, Report> {
    let sources = config
        .signers
        .iter()
        .map(|(name, settings)| {
            let password = match &settings.password {
                Some(SecretSource::File(path)) => PasswordSource::File(path.clone()),
                Some(SecretSource::Variable(_)) => {
                    let password = settings
                        .password(name, &config.environment)
                        .into_diagnostic()
                        .with_exit_code(ExitCode::Invalid)?;
                    let password = password.map(|password| password.expose().as_bytes().to_vec());
                    PasswordSource::Given(Password::from(password.unwrap_or_default()))
                }
                None => PasswordSource::Environment,
            };
            let source = KeyFileSource {
                private_key: settings.private_key.clone(),
                password,
            };
            Ok((name.clone(), source))
        })
        .collect::<Result<Vec<_>, Report>>()?;
    Ok(KeyFileSigners::new(sources))
}

impl AllowedRegistries {
    /// The repositories that the registry lists below a prefix.
    ///
    /// # Errors
    /// As [`HttpRegistries::catalog`]; and where `allow-reads` does not cover the prefix.
    pub async fn catalog(&self, prefix: &Prefix) -> Result<Catalog, RegistryError> {
        let registries = self.for_listing(prefix)?;
        let settings = self.config.registry_below(prefix);
        if settings.is_some_and(|settings| settings.is_declared_unable(Capability::Catalog)) {
            return Err(declared_unable(Capability::Catalog, "GET", prefix));
        }
        registries.catalog(prefix).await
    }

    /// The registry itself, for reading this repository.
    ///
    /// # Errors
    /// Where `allow-reads` does not cover it.
    pub fn for_reading(&self, repository: &Repository) -> Result<&HttpRegistries, RegistryError> {
        self.allowed(repository, "GET")?;
        Ok(&self.registries)
    }

    /// The registry itself, for writing to this repository.
    ///
    /// # Errors
    /// Where `allow-writes` does not cover it.
    pub fn for_writing(&self, repository: &Repository) -> Result<&HttpRegistries, RegistryError> {
        self.allowed(repository, "PUT")?;
        Ok(&self.registries)
    }

    /// The registry itself, for reading which repositories stand below a prefix.
    ///
    /// # Errors
    /// Where neither `allow-reads` nor `allow-writes` meets it.
    pub fn for_listing(&self, prefix: &Prefix) -> Result<&HttpRegistries, RegistryError> {
        self.config
            .may_list(prefix)
            .map_err(|refusal| not_allowed(&refusal, "GET", prefix))?;
        Ok(&self.registries)
    }

    /// Whether the configuration says that the registry cannot do this.
    fn is_declared_unable(&self, repository: &Repository, capability: Capability) -> bool {
        self.config
            .registry(repository)
            .is_some_and(|settings| settings.is_declared_unable(capability))
    }

    /// Refuses what the configuration says that the registry cannot do.
    fn declared_able(
        &self,
        repository: &Repository,
        capability: Capability,
        method: &'static str,
    ) -> Result<(), RegistryError> {
        if self.is_declared_unable(repository, capability) {
            return Err(declared_unable(capability, method, repository));
        }
        Ok(())
    }

    fn allowed(&self, repository: &Repository, method: &'static str) -> Result<(), RegistryError> {
        let decision = match method {
            "GET" | "HEAD" => self.config.may_read(repository),
            _ => self.config.may_write(repository),
        };
        decision.map_err(|refusal| not_allowed(&refusal, method, repository))
    }
}

fn declared_unable(capability: Capability, method: &'static str, place: &impl ToString) -> RegistryError {
    RegistryError {
        kind: ErrorKind::Unsupported,
        method,
        url: place.to_string(),
        status: None,
        code: None,
        message: format!("not asked: the configuration declares `{capability} = false`"),
        retry_after: None,
    }
}

fn not_allowed(refusal: &Refusal, method: &'static str, place: &impl ToString) -> RegistryError {
    RegistryError {
        kind: ErrorKind::NotAllowed,
        method,
        url: place.to_string(),
        status: None,
        code: None,
        message: refusal.to_string(),
        retry_after: None,
    }
}

impl Registry for AllowedRegistries {
    async fn ping(&self, repository: &Repository) -> Result<(), RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.ping(repository).await
    }

    async fn manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.manifest(repository, at).await
    }

    async fn head_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        self.allowed(repository, "HEAD")?;
        self.registries.head_manifest(repository, at).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        self.allowed(repository, "PUT")?;
        self.registries.put_manifest(repository, at, media_type, bytes).await
    }

    async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, RegistryError> {
        self.allowed(repository, "HEAD")?;
        self.registries.has_blob(repository, blob).await
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Option<BlobStream>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.blob(repository, blob).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: BlobStream,
    ) -> Result<(), RegistryError> {
        self.allowed(repository, "PUT")?;
        self.registries.put_blob(repository, blob, content).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        from: &RepositoryPath,
        blob: &Descriptor,
    ) -> Result<Mount, RegistryError> {
        self.allowed(repository, "POST")?;
        self.allowed(&Repository::new(repository.registry.clone(), from.clone()), "GET")?;
        if self.is_declared_unable(repository, Capability::Mount) {
            return Ok(Mount::NotMounted);
        }
        self.registries.mount_blob(repository, from, blob).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<Tag>>, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.tags(repository).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Referrers, RegistryError> {
        self.allowed(repository, "GET")?;
        self.registries.referrers(repository, subject).await
    }

    async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removal, RegistryError> {
        self.allowed(repository, "DELETE")?;
        self.declared_able(repository, Capability::ManifestDeletion, "DELETE")?;
        self.registries.delete_manifest(repository, digest).await
    }

    async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        self.allowed(repository, "DELETE")?;
        self.declared_able(repository, Capability::TagDeletion, "DELETE")?;
        self.registries.delete_tag(repository, tag).await
    }
}

#[cfg(test)]
mod tests;
