//! Connections: which authorities are trusted, which networks reached, whether through a proxy.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Certificate, Method, redirect::Policy};
use url::{Host, Url};

use super::error::{HttpError, HttpErrorKind};
use super::network::{GuardedResolver, Networks};
use super::options::ClientOptions;
use super::request::Home;

/// Which certificate authorities count: the system's, or the system's and a bundle of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Trust(usize);

/// The clients of the underlying library, made as they are needed.
pub(super) struct Connectors {
    options: ClientOptions,
    /// By [`Trust`]: the bundle beside the system's authorities.
    bundles: Vec<Vec<Certificate>>,
    proxies: Arc<HashSet<String>>,
    clients: Mutex<HashMap<ConnectorKey, reqwest::Client>>,
}

/// What connections must not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ConnectorKey {
    trust: Trust,
    /// Where names may lead; a home itself may be anywhere.
    allowed: Option<Networks>,
    direct: bool,
}

impl Connectors {
    pub(super) fn new(options: ClientOptions) -> Self {
        let proxies = if options.environment_proxy {
            environment_proxies()
        } else {
            HashSet::new()
        };
        Self {
            bundles: vec![Vec::new()],
            proxies: Arc::new(proxies),
            clients: Mutex::default(),
            options,
        }
    }

    pub(super) fn add_trust(&mut self, pem: &[u8]) -> Result<Trust, String> {
        let bundle = Certificate::from_pem_bundle(pem).map_err(|_| "not a bundle of PEM certificates".to_owned())?;
        if bundle.is_empty() {
            return Err("holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)".to_owned());
        }
        self.bundles.push(bundle);
        let trust = Trust(self.bundles.len() - 1);
        // The certificates are looked into only when a client is built with them.
        let key = ConnectorKey {
            trust,
            allowed: None,
            direct: false,
        };
        let client = self.build(key)?;
        let clients = self.clients.get_mut().unwrap_or_else(PoisonError::into_inner);
        clients.insert(key, client);
        Ok(trust)
    }

    /// The client to reach `url` with, on the word of `home`.
    pub(super) async fn client(&self, method: &Method, url: &Url, home: &Home) -> Result<reqwest::Client, HttpError> {
        let allowed = if url.origin() == home.url.origin() {
            None
        } else {
            let networks = Networks::around(&home.url).await;
            networks
                .check(url)
                .map_err(|refused| HttpError::new(HttpErrorKind::NotAllowed, method, url, refused.to_string()))?;
            Some(networks)
        };
        let key = ConnectorKey {
            trust: home.trust,
            allowed,
            direct: is_loopback(url),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self
            .build(key)
            .map_err(|message| HttpError::new(HttpErrorKind::Unreachable, method, url, message))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, key: ConnectorKey) -> Result<reqwest::Client, String> {
        let bundle = self.bundles.get(key.trust.0).map_or(&[][..], Vec::as_slice);
        let builder = || {
            let mut builder = reqwest::Client::builder()
                .user_agent(&self.options.user_agent)
                .connect_timeout(self.options.timeouts.connect)
                .redirect(Policy::none())
                .referer(false);
            if key.direct || !self.options.environment_proxy {
                builder = builder.no_proxy();
            }
            if let Some(allowed) = key.allowed {
                builder = builder.dns_resolver(GuardedResolver {
                    allowed,
                    proxies: Arc::clone(&self.proxies),
                });
            }
            builder
        };
        builder()
            .tls_certs_merge(bundle.iter().cloned())
            .build()
            .or_else(|error| {
                // A machine without any certificate authorities can still speak plain HTTP, and TLS by the bundle.
                tracing::warn!(%error, "the system's certificate authorities cannot be used");
                builder().tls_certs_only(bundle.iter().cloned()).build()
            })
            .map_err(|error| format!("no TLS with these certificate authorities: {error}"))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// The hosts of the proxies that the environment names.
fn environment_proxies() -> HashSet<String> {
    [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ]
    .into_iter()
    .filter_map(|name| std::env::var(name).ok())
    .filter_map(|value| {
        let url = Url::parse(&value)
            .or_else(|_| Url::parse(&format!("http://{value}")))
            .ok()?;
        url.host_str().map(str::to_owned)
    })
    .collect()
}
