//! Connections: which authorities are trusted, which networks reached, whether through a proxy.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Method, Proxy, redirect::Policy};
use url::{Host, Url};

use super::certificates::{CertificateFiles, Certificates, Watched};
use super::error::{HttpError, HttpErrorKind, root_cause};
use super::network::{GuardedResolver, Network, Networks, PrivateHosts};
use super::options::ClientOptions;
use super::request::Home;

/// Whom a home is trusted by, and whereto it may lead: the system's authorities and the public network, or what was
/// added to these by [`super::HttpClient::add_trust`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Trust(usize);

/// What counts beside the system's certificate authorities and the public network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustOptions {
    pub certificates: CertificateFiles,
    /// Hosts, without port, to which a home may lead although they have private, loopback or link-local addresses.
    pub private_hosts: BTreeSet<String>,
}

/// The clients of the underlying library, made as they are needed.
pub(super) struct Connectors {
    options: ClientOptions,
    /// By [`Trust`], which counts from 1; 0 is the default.
    trusted: Vec<Trusted>,
    proxies: Arc<HashSet<String>>,
    clients: Mutex<HashMap<ConnectorKey, reqwest::Client>>,
}

struct Trusted {
    certificates: Mutex<Watched>,
    private_hosts: PrivateHosts,
}

/// What connections must not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ConnectorKey {
    trust: Trust,
    /// Of its certificates.
    generation: u64,
    /// Where names may lead; a home itself may be anywhere.
    allowed: Option<Networks>,
    direct: bool,
}

impl Connectors {
    pub(super) fn new(options: ClientOptions) -> Self {
        let proxies = match &options.proxy {
            Some(proxy) => proxy.host_str().map(str::to_owned).into_iter().collect(),
            None if options.environment_proxy => environment_proxies(),
            None => HashSet::new(),
        };
        Self {
            trusted: Vec::new(),
            proxies: Arc::new(proxies),
            clients: Mutex::default(),
            options,
        }
    }

    pub(super) fn add_trust(&mut self, options: TrustOptions) -> Result<Trust, String> {
        let mut watched = Watched::new(options.certificates)?;
        // The certificates are looked into only when a client is built with them.
        let (certificates, _) = watched.current(|_| Ok(()));
        self.build(&Built::at_home(certificates))?;
        self.trusted.push(Trusted {
            certificates: Mutex::new(watched),
            private_hosts: PrivateHosts::new(options.private_hosts),
        });
        Ok(Trust(self.trusted.len()))
    }

    /// The client to reach `url` with, on the word of `home`.
    pub(super) async fn client(&self, method: &Method, url: &Url, home: &Home) -> Result<reqwest::Client, HttpError> {
        let trusted = home.trust.0.checked_sub(1).and_then(|index| self.trusted.get(index));
        let private_hosts = trusted.map(|trusted| trusted.private_hosts.clone()).unwrap_or_default();
        let allowed = if url.origin() == home.url.origin() {
            None
        } else {
            let networks = Networks::around(&home.url).await;
            networks
                .check(url, &private_hosts)
                .map_err(|refused| HttpError::new(HttpErrorKind::NotAllowed, method, url, refused.to_string()))?;
            Some(networks)
        };
        let mut watched = trusted.map(|trusted| trusted.certificates.lock().unwrap_or_else(PoisonError::into_inner));
        let (certificates, generation) = match &mut watched {
            None => (None, 0),
            Some(watched) => {
                let (certificates, generation) =
                    watched.current(|changed| self.build(&Built::at_home(changed)).map(|_| ()));
                (Some(certificates), generation)
            }
        };
        let key = ConnectorKey {
            trust: home.trust,
            generation,
            allowed,
            direct: is_reached_directly(url),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self
            .build(&Built {
                certificates,
                allowed,
                direct: key.direct,
                private_hosts,
            })
            .map_err(|message| HttpError::new(HttpErrorKind::Unreachable, method, url, message))?;
        // Connections made with certificates that were replaced end with their requests.
        clients.retain(|known, _| known.trust != key.trust || known.generation == generation);
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, built: &Built<'_>) -> Result<reqwest::Client, String> {
        let authorities = built
            .certificates
            .map_or(&[][..], |certificates| &certificates.authorities);
        let proxy = self.options.proxy.clone().map(Proxy::all).transpose();
        let proxy = proxy.map_err(|error| format!("the proxy cannot be used: {}", root_cause(&error)))?;
        let builder = || {
            let mut builder = reqwest::Client::builder()
                .user_agent(&self.options.user_agent)
                .connect_timeout(self.options.timeouts.connect)
                .redirect(Policy::none())
                .referer(false);
            match &proxy {
                _ if built.direct => builder = builder.no_proxy(),
                Some(proxy) => builder = builder.proxy(proxy.clone()),
                None if !self.options.environment_proxy => builder = builder.no_proxy(),
                None => {}
            }
            match built.allowed {
                // Who we are is told to the registry itself, and to nobody it names.
                None => {
                    let identity = built
                        .certificates
                        .and_then(|certificates| certificates.identity.clone());
                    if let Some(identity) = identity {
                        builder = builder.identity(identity);
                    }
                }
                Some(allowed) => {
                    builder = builder.dns_resolver(GuardedResolver {
                        allowed,
                        private_hosts: built.private_hosts.clone(),
                        proxies: Arc::clone(&self.proxies),
                    });
                }
            }
            builder
        };
        builder()
            .tls_certs_merge(authorities.iter().cloned())
            .build()
            .or_else(|error| {
                // A machine without any certificate authorities can still speak plain HTTP, and TLS by the bundle.
                let alone = builder().tls_certs_only(authorities.iter().cloned()).build();
                if alone.is_ok() {
                    tracing::warn!(%error, "the system's certificate authorities cannot be used");
                }
                alone
            })
            .map_err(|error| format!("no TLS with these certificates: {}", root_cause(&error)))
    }
}

/// What a client is built with.
struct Built<'a> {
    certificates: Option<&'a Certificates>,
    allowed: Option<Networks>,
    direct: bool,
    private_hosts: PrivateHosts,
}

impl<'a> Built<'a> {
    fn at_home(certificates: &'a Certificates) -> Self {
        Self {
            certificates: Some(certificates),
            allowed: None,
            direct: false,
            private_hosts: PrivateHosts::default(),
        }
    }
}

/// This machine, and the metadata services of clouds, which answer nobody but the machine itself.
fn is_reached_directly(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => matches!(Network::of(address.into()), Network::Loopback | Network::LinkLocal),
        // Amazon's metadata service has unique local addresses.
        Some(Host::Ipv6(address)) => {
            matches!(Network::of(address.into()), Network::Loopback | Network::LinkLocal)
                || address.segments().starts_with(&[0xfd00, 0xec2])
        }
        Some(Host::Domain(name)) => {
            name == "localhost" || name.ends_with(".localhost") || name == "metadata.google.internal"
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_and_this_machine_are_never_asked_through_a_proxy() {
        let directly = |url: &str| is_reached_directly(&Url::parse(url).unwrap());
        for near in [
            "http://169.254.169.254/latest",
            "http://169.254.170.23/",
            "http://[fd00:ec2::254]/",
            "http://metadata.google.internal/",
            "http://127.0.0.1:5000/",
            "http://localhost/",
        ] {
            assert!(directly(near), "{near}");
        }
        for far in ["http://10.0.0.1/", "https://registry.example.com/", "http://[fd00::1]/"] {
            assert!(!directly(far), "{far}");
        }
    }
}
