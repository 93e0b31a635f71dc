//! What has to be known of registries before they are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::credentials::CredentialSource;
use crate::http::{BudgetId, BudgetLimits, CertificateFiles, ClientOptions, HttpClient, Trust, TrustOptions};
use crate::model::{Limits, Prefix, Repository};

/// Everything [`super::HttpRegistries`] is made of.
#[derive(Clone, Default)]
pub struct RegistryOptions {
    pub prefixes: Vec<PrefixOptions>,
    /// For reading and writing where the prefix says nothing of credentials: logins that other programs stored.
    pub stored: Option<Arc<dyn CredentialSource>>,
    /// Budgets, by the name that prefixes give. Whatever names none has one for its host and port.
    pub budgets: BTreeMap<String, BudgetLimits>,
    pub limits: Limits,
    pub client: ClientOptions,
}

/// Settings for the repositories below a prefix. Of several prefixes that hold a repository the longest counts, and
/// it alone: nothing is inherited from shorter ones.
#[derive(Clone)]
pub struct PrefixOptions {
    pub prefix: Prefix,
    /// For reading; where missing, those for writing are used.
    pub read: Option<Arc<dyn CredentialSource>>,
    /// For writing; where missing, writes are anonymous, even if there are credentials for reading.
    pub write: Option<Arc<dyn CredentialSource>>,
    pub certificates: CertificateFiles,
    /// Hosts to which the registry may lead although their addresses are private.
    pub private_hosts: BTreeSet<String>,
    /// HTTP without TLS.
    pub plain_http: bool,
    /// Whether the registry is asked for referrers; where not, the fallback index alone tells.
    pub referrers_api: bool,
    /// The budget that this prefix shares with others that name it.
    pub budget: Option<String>,
    /// How blobs are sent; where none, as the registry wants it.
    pub upload: Option<UploadManner>,
}

/// How a blob is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadManner {
    /// In one request.
    Monolithic,
    /// In pieces.
    Chunked,
}

impl PrefixOptions {
    /// With stored logins or none, over TLS, with the system's certificate authorities.
    #[must_use]
    pub fn new(prefix: Prefix) -> Self {
        Self {
            prefix,
            read: None,
            write: None,
            certificates: CertificateFiles::default(),
            private_hosts: BTreeSet::new(),
            plain_http: false,
            referrers_api: true,
            budget: None,
            upload: None,
        }
    }
}

fn shown(source: Option<&Arc<dyn CredentialSource>>) -> &'static str {
    if source.is_some() { "(secret)" } else { "none" }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryOptions")
            .field("prefixes", &self.prefixes)
            .field("stored", &shown(self.stored.as_ref()))
            .field("limits", &self.limits)
            .field("client", &self.client)
            .finish()
    }
}

impl fmt::Debug for PrefixOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrefixOptions")
            .field("prefix", &self.prefix)
            .field("read", &shown(self.read.as_ref()))
            .field("write", &shown(self.write.as_ref()))
            .field("certificates", &self.certificates)
            .field("private_hosts", &self.private_hosts)
            .field("plain_http", &self.plain_http)
            .field("referrers_api", &self.referrers_api)
            .field("budget", &self.budget)
            .field("upload", &self.upload)
            .finish()
    }
}

/// Why options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    #[error("`{0}` is configured twice")]
    Duplicate(Prefix),
    #[error("the certificates of `{prefix}` cannot be used: {message}")]
    Certificates { prefix: Prefix, message: String },
    #[error("`{prefix}` names the budget `{budget}`, which is not configured")]
    UnknownBudget { prefix: Prefix, budget: String },
}

/// The settings of one prefix, or of everything that no prefix holds.
pub(super) struct Setting {
    /// Tells the tokens of one prefix from those of another.
    pub(super) id: usize,
    pub(super) prefix: Option<Prefix>,
    /// The credentials are those that other programs stored.
    pub(super) stored: bool,
    pub(super) read: Option<Arc<dyn CredentialSource>>,
    pub(super) write: Option<Arc<dyn CredentialSource>>,
    pub(super) plain_http: bool,
    pub(super) referrers_api: bool,
    pub(super) trust: Trust,
    pub(super) budget: Option<BudgetId>,
    pub(super) upload: Option<UploadManner>,
}

/// All settings, to be looked up by repository.
pub(super) struct Settings {
    /// Longest prefix first.
    prefixes: Vec<(Prefix, Setting)>,
    other: Setting,
}

impl Settings {
    pub(super) fn new(
        mut prefixes: Vec<PrefixOptions>,
        stored: Option<&Arc<dyn CredentialSource>>,
        budgets: &BTreeMap<String, BudgetLimits>,
        http: &mut HttpClient,
    ) -> Result<Self, OptionsError> {
        let budgets: BTreeMap<&String, BudgetId> = budgets
            .iter()
            .map(|(name, limits)| (name, http.add_budget(limits)))
            .collect();
        prefixes.sort_by(|a, b| {
            b.prefix
                .depth()
                .cmp(&a.prefix.depth())
                .then_with(|| a.prefix.cmp(&b.prefix))
        });
        if let Some(pair) = prefixes.windows(2).find(|pair| pair[0].prefix == pair[1].prefix) {
            return Err(OptionsError::Duplicate(pair[0].prefix.clone()));
        }
        let mut settings = Vec::with_capacity(prefixes.len());
        for (index, options) in prefixes.into_iter().enumerate() {
            let trust = TrustOptions {
                certificates: options.certificates,
                private_hosts: options.private_hosts,
            };
            let trust = if trust == TrustOptions::default() {
                Trust::default()
            } else {
                http.add_trust(trust).map_err(|message| OptionsError::Certificates {
                    prefix: options.prefix.clone(),
                    message,
                })?
            };
            let silent = options.read.is_none() && options.write.is_none();
            let (read, write) = match stored {
                Some(stored) if silent => (Some(Arc::clone(stored)), Some(Arc::clone(stored))),
                _ => (options.read.or_else(|| options.write.clone()), options.write),
            };
            let budget = match &options.budget {
                None => None,
                Some(name) => Some(*budgets.get(name).ok_or_else(|| OptionsError::UnknownBudget {
                    prefix: options.prefix.clone(),
                    budget: name.clone(),
                })?),
            };
            let setting = Setting {
                id: index + 1,
                prefix: Some(options.prefix.clone()),
                stored: silent,
                read,
                write,
                plain_http: options.plain_http,
                referrers_api: options.referrers_api,
                trust,
                budget,
                upload: options.upload,
            };
            settings.push((options.prefix, setting));
        }
        Ok(Self {
            prefixes: settings,
            other: Setting {
                id: 0,
                prefix: None,
                stored: true,
                read: stored.cloned(),
                write: stored.cloned(),
                plain_http: false,
                referrers_api: true,
                trust: Trust::default(),
                budget: None,
                upload: None,
            },
        })
    }

    pub(super) fn of(&self, repository: &Repository) -> &Setting {
        self.prefixes
            .iter()
            .find(|(prefix, _)| prefix.contains(repository))
            .map_or(&self.other, |(_, setting)| setting)
    }

    /// The settings that hold for everything below `prefix` that has none of its own.
    pub(super) fn of_prefix(&self, prefix: &Prefix) -> &Setting {
        self.prefixes
            .iter()
            .find(|(configured, _)| configured.contains_prefix(prefix))
            .map_or(&self.other, |(_, setting)| setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Anonymous, Credentials, Secret};

    fn prefix(text: &str) -> PrefixOptions {
        PrefixOptions::new(text.parse().unwrap())
    }

    fn settings(prefixes: Vec<PrefixOptions>) -> Result<Settings, OptionsError> {
        Settings::new(
            prefixes,
            None,
            &BTreeMap::new(),
            &mut HttpClient::new(ClientOptions::default()),
        )
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_counts() {
        let settings = settings(vec![
            prefix("example.com"),
            prefix("example.com/team/deep"),
            prefix("example.com/team"),
        ])
        .unwrap();
        let of = |text: &str| {
            let setting = settings.of(&text.parse().unwrap());
            setting.prefix.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(of("example.com/team/deep/image"), "example.com/team/deep");
        assert_eq!(of("example.com/team/deeper"), "example.com/team");
        assert_eq!(of("example.com/teams"), "example.com");
        assert_eq!(of("example.org/team"), "");
    }

    #[test]
    fn reading_may_use_the_credentials_for_writing_and_not_the_other_way_round() {
        let credentials: Arc<dyn CredentialSource> = Arc::new(Credentials::Token(Secret::new("t")));
        let mut writer = prefix("a.example.com");
        writer.write = Some(Arc::clone(&credentials));
        let mut reader = prefix("b.example.com");
        reader.read = Some(credentials);
        assert!(!format!("{reader:?}").contains('t') || format!("{reader:?}").contains("(secret)"));
        let settings = settings(vec![writer, reader]).unwrap();
        assert!(settings.of(&"a.example.com/x".parse().unwrap()).read.is_some());
        assert!(settings.of(&"b.example.com/x".parse().unwrap()).write.is_none());
    }

    #[test]
    fn stored_logins_serve_where_a_prefix_says_nothing_of_credentials() {
        let stored: Arc<dyn CredentialSource> = Arc::new(Credentials::Token(Secret::new("t")));
        let mut anonymous = prefix("example.com/public");
        anonymous.read = Some(Arc::new(Anonymous));
        let mut http = HttpClient::new(ClientOptions::default());
        let settings = Settings::new(
            vec![prefix("example.com"), anonymous],
            Some(&stored),
            &BTreeMap::new(),
            &mut http,
        )
        .unwrap();
        let is_stored = |source: &Option<Arc<dyn CredentialSource>>| {
            source.as_ref().is_some_and(|source| Arc::ptr_eq(source, &stored))
        };
        for (repository, expected) in [
            ("example.com/a", true),
            ("example.org/a", true),
            ("example.com/public/a", false),
        ] {
            let setting = settings.of(&repository.parse().unwrap());
            assert_eq!(is_stored(&setting.read), expected, "{repository}");
            assert_eq!(is_stored(&setting.write), expected, "{repository}");
        }
    }

    #[test]
    fn a_prefix_configured_twice_and_an_unreadable_ca_are_refused() {
        let error = settings(vec![prefix("example.com/a"), prefix("Example.com:443/a")])
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "`example.com/a` is configured twice");
        let mut broken = prefix("example.com");
        broken.certificates.authorities = Some("/nonexistent/ca.pem".into());
        let error = settings(vec![broken]).err().unwrap();
        assert!(error.to_string().contains("`example.com`"), "{error}");
        assert!(
            error.to_string().contains("/nonexistent/ca.pem cannot be read"),
            "{error}"
        );
    }
}
