//! What has to be known of registries before they are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::credentials::CredentialSource;
use crate::http::{BudgetId, BudgetLimits, ClientOptions, HttpClient, Trust};
use crate::model::{Limits, Prefix, Repository};

/// Everything [`super::HttpRegistries`] is made of.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    pub prefixes: Vec<PrefixOptions>,
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
    /// Certificate authorities in PEM form that count beside the system's.
    pub ca: Option<Vec<u8>>,
    /// HTTP without TLS.
    pub plain_http: bool,
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
    /// Anonymous, over TLS, with the system's certificate authorities.
    #[must_use]
    pub fn new(prefix: Prefix) -> Self {
        Self {
            prefix,
            read: None,
            write: None,
            ca: None,
            plain_http: false,
            budget: None,
            upload: None,
        }
    }
}

impl fmt::Debug for PrefixOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |source: &Option<_>| if source.is_some() { "(secret)" } else { "none" };
        formatter
            .debug_struct("PrefixOptions")
            .field("prefix", &self.prefix)
            .field("read", &shown(&self.read))
            .field("write", &shown(&self.write))
            .field("ca", &self.ca.as_ref().map(Vec::len))
            .field("plain_http", &self.plain_http)
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
    #[error("the certificate authorities of `{prefix}` cannot be used: {message}")]
    CertificateAuthority { prefix: Prefix, message: String },
    #[error("`{prefix}` names the budget `{budget}`, which is not configured")]
    UnknownBudget { prefix: Prefix, budget: String },
}

/// The settings of one prefix, or of everything that no prefix holds.
pub(super) struct Setting {
    /// Tells the tokens of one prefix from those of another.
    pub(super) id: usize,
    pub(super) prefix: Option<Prefix>,
    pub(super) read: Option<Arc<dyn CredentialSource>>,
    pub(super) write: Option<Arc<dyn CredentialSource>>,
    pub(super) plain_http: bool,
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
            let trust = match &options.ca {
                None => Trust::default(),
                Some(pem) => http
                    .add_trust(pem)
                    .map_err(|message| OptionsError::CertificateAuthority {
                        prefix: options.prefix.clone(),
                        message,
                    })?,
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
                read: options.read.or_else(|| options.write.clone()),
                write: options.write,
                plain_http: options.plain_http,
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
                read: None,
                write: None,
                plain_http: false,
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
    use crate::registry::{Credentials, Secret};

    fn prefix(text: &str) -> PrefixOptions {
        PrefixOptions::new(text.parse().unwrap())
    }

    fn settings(prefixes: Vec<PrefixOptions>) -> Result<Settings, OptionsError> {
        Settings::new(
            prefixes,
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
    fn a_prefix_configured_twice_and_an_unreadable_ca_are_refused() {
        let error = settings(vec![prefix("example.com/a"), prefix("Example.com:443/a")])
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "`example.com/a` is configured twice");
        let mut broken = prefix("example.com");
        broken.ca = Some(b"no certificate".to_vec());
        let error = settings(vec![broken]).err().unwrap();
        assert!(error.to_string().contains("`example.com`"), "{error}");
        assert!(error.to_string().contains("BEGIN CERTIFICATE"), "{error}");
    }
}
