//! Settings of registries, by prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use url::Host;

use super::file::{RegistryKeys, Upload};
use super::{ConfigError, Credential};
use crate::model::{Capability, Prefix, Registry, Repository};

/// What holds for the repositories below a prefix. Each setting is taken from the longest prefix that makes it, so
/// that `plain-http` for a whole registry also holds where a part of it has credentials of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySettings {
    pub prefix: Prefix,
    /// For reading; without one, those for writing serve, and without these, logins that other programs stored.
    pub read: Option<Credential>,
    /// For writing; without one, writes are anonymous.
    pub write: Option<Credential>,
    /// Certificate authorities in PEM form that count beside the system's.
    pub ca: Option<PathBuf>,
    pub client: Option<ClientCertificate>,
    /// Hosts to which the registry may lead although their addresses are private, as URLs write them.
    pub private_hosts: BTreeSet<String>,
    pub plain_http: bool,
    /// What it can do and what not, as far as that is declared.
    pub capabilities: BTreeMap<Capability, bool>,
    /// The name of the budget that it shares with others.
    pub budget: Option<String>,
    pub upload: Option<Upload>,
}

impl RegistrySettings {
    /// Whether `capabilities` says that the registry cannot do this.
    #[must_use]
    pub fn is_declared_unable(&self, capability: Capability) -> bool {
        self.capabilities.get(&capability) == Some(&false)
    }
}

/// What is shown to a registry that asks for a certificate, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// All settings, each whole: whoever has the longest prefix of a repository needs no other.
pub(super) fn resolve(
    keys: &BTreeMap<Prefix, RegistryKeys>,
    folder: &Path,
) -> Result<Vec<RegistrySettings>, ConfigError> {
    let mut prefixes: Vec<(&Prefix, &RegistryKeys)> = keys.iter().collect();
    prefixes.sort_by(|(a, _), (b, _)| a.depth().cmp(&b.depth()).then_with(|| a.cmp(b)));
    let mut resolved: Vec<RegistrySettings> = Vec::new();
    for (prefix, own) in prefixes {
        // Shorter prefixes come first, so that the last one that holds this one is the longest.
        let parent = resolved
            .iter()
            .rev()
            .find(|settings| settings.prefix.contains_prefix(prefix));
        let settings = one(prefix, own, parent, folder).map_err(|reason| ConfigError::Registry {
            prefix: prefix.clone(),
            reason,
        })?;
        resolved.push(settings);
    }
    Ok(resolved)
}

fn one(
    prefix: &Prefix,
    own: &RegistryKeys,
    parent: Option<&RegistrySettings>,
    folder: &Path,
) -> Result<RegistrySettings, String> {
    let (read, write) = if own.read.is_some() || own.write.is_some() {
        let based = |credential: &Option<Credential>| credential.as_ref().map(|found| found.based_at(folder));
        (based(&own.read), based(&own.write))
    } else {
        parent.map_or((None, None), |parent| (parent.read.clone(), parent.write.clone()))
    };
    for credential in [&read, &write].into_iter().flatten() {
        if let Credential::Ambient(platform) = credential
            && !platform.serves(&prefix.registry)
        {
            return Err(format!(
                "`ambient = \"{platform}\"` is for {}, and `{}` is none of these: it would learn an identity that others trust",
                platform.registries(),
                prefix.registry
            ));
        }
    }
    let client = match (&own.client_certificate, &own.client_key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate {
            certificate: folder.join(certificate),
            key: folder.join(key),
        }),
        (None, None) => parent.and_then(|parent| parent.client.clone()),
        (Some(_), None) => return Err("a `client-certificate` needs its `client-key`".to_owned()),
        (None, Some(_)) => return Err("a `client-key` needs its `client-certificate`".to_owned()),
    };
    let private_hosts = match &own.private_hosts {
        Some(hosts) => hosts.iter().map(|host| normal_host(host)).collect::<Result<_, _>>()?,
        None => parent.map(|parent| parent.private_hosts.clone()).unwrap_or_default(),
    };
    let own_ca = own.ca.as_ref().map(|ca| folder.join(ca));
    Ok(RegistrySettings {
        prefix: prefix.clone(),
        read,
        write,
        ca: own_ca.or_else(|| parent.and_then(|parent| parent.ca.clone())),
        client,
        private_hosts,
        plain_http: own
            .plain_http
            .unwrap_or_else(|| parent.is_some_and(|parent| parent.plain_http)),
        capabilities: own.capabilities.over(parent.map(|parent| &parent.capabilities)),
        budget: own
            .budget
            .clone()
            .or_else(|| parent.and_then(|parent| parent.budget.clone())),
        upload: own.upload.or_else(|| parent.and_then(|parent| parent.upload)),
    })
}

/// A host as URLs write it: lower case, addresses in their one form, IPv6 in brackets.
fn normal_host(text: &str) -> Result<String, String> {
    // An IPv6 address is written with brackets or without.
    let bracketed = format!("[{text}]");
    let text = if text.parse::<std::net::Ipv6Addr>().is_ok() {
        &bracketed
    } else {
        text
    };
    Host::parse(text).map(|host| host.to_string()).map_err(|_| {
        format!(
            "`{}` in `private-hosts` is not a host without port",
            text.escape_default()
        )
    })
}

/// Has everything at this registry be reached by HTTP without TLS, with the credentials that it has anyway.
pub(super) fn without_tls(settings: &mut Vec<RegistrySettings>, registry: &Registry) {
    settings
        .iter_mut()
        .filter(|known| known.prefix.registry == *registry)
        .for_each(|known| known.plain_http = true);
    let whole = Prefix::of(registry.clone());
    if settings.iter().all(|known| known.prefix != whole) {
        let whole = RegistrySettings {
            prefix: whole,
            read: None,
            write: None,
            ca: None,
            client: None,
            private_hosts: BTreeSet::new(),
            plain_http: true,
            capabilities: BTreeMap::new(),
            budget: None,
            upload: None,
        };
        // Shorter prefixes come first.
        settings.insert(0, whole);
    }
}

/// The settings of the longest prefix that holds `repository`.
pub(super) fn find<'a>(settings: &'a [RegistrySettings], repository: &Repository) -> Option<&'a RegistrySettings> {
    settings
        .iter()
        .rev()
        .find(|settings| settings.prefix.contains(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;
    use crate::config::testing::parse;

    fn user(credential: Option<&Credential>) -> Option<&str> {
        match credential? {
            Credential::Basic { username, .. } => Some(username),
            Credential::Anonymous => Some("anonymous"),
            Credential::Token(_) | Credential::IdentityToken(_) => Some("token"),
            Credential::Helper(_) => Some("helper"),
            Credential::Ambient(_) => Some("ambient"),
        }
    }

    fn of<'a>(settings: &'a [RegistrySettings], repository: &str) -> &'a RegistrySettings {
        find(settings, &repository.parse().unwrap()).unwrap()
    }

    #[test]
    fn each_setting_comes_from_the_longest_prefix_that_makes_it() {
        let config = parse(
            r#"
            [registries."localhost:5000"]
            plain-http = true
            read = { username = "reader", password-env = "P" }
            [registries."localhost:5000/team"]
            ca = "certs/ca.pem"
            [registries."localhost:5000/team/a"]
            write = { username = "writer", password-file = "secrets/writer" }
            [registries."localhost:5000/team/a/tls"]
            plain-http = false
            "#,
        )
        .unwrap();
        let settings = &config.registries;
        let team = of(settings, "localhost:5000/team/b");
        assert_eq!((user(team.read.as_ref()), team.write.as_ref()), (Some("reader"), None));
        assert!(team.plain_http);
        assert_eq!(team.ca.as_deref(), Some(Path::new("/etc/landfall/certs/ca.pem")));
        let a = of(settings, "localhost:5000/team/a");
        // Credentials are one setting: an entry that has any has all of them.
        assert_eq!((user(a.read.as_ref()), user(a.write.as_ref())), (None, Some("writer")));
        assert!(a.plain_http && a.ca.is_some());
        assert!(!of(settings, "localhost:5000/team/a/tls/x").plain_http);
        assert!(of(settings, "localhost:5000/teams").ca.is_none());
        match &a.write {
            Some(Credential::Basic { password, .. }) => {
                assert_eq!(*password, SecretSource::File("/etc/landfall/secrets/writer".into()));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn anonymous_on_a_longer_prefix_beats_the_credentials_of_a_shorter_one() {
        let config = parse(
            r#"
            [registries."example.com"]
            read  = { username = "reader", password-env = "P" }
            write = { username = "writer", password-env = "P" }
            [registries."example.com/public"]
            read = { anonymous = true }
            "#,
        )
        .unwrap();
        let public = of(&config.registries, "example.com/public/a");
        assert_eq!(
            (user(public.read.as_ref()), user(public.write.as_ref())),
            (Some("anonymous"), None)
        );
    }

    #[test]
    fn a_client_certificate_comes_with_its_key_and_hosts_as_urls_write_them() {
        let config = parse(
            r#"
            [registries."example.com"]
            client-certificate = "certificates/client.pem"
            client-key         = "certificates/client.key"
            private-hosts      = ["Storage.Internal", "10.1.2.3", "fd00::1", "[fd00::2]"]
            [registries."example.com/team"]
            private-hosts = []
            "#,
        )
        .unwrap();
        let settings = of(&config.registries, "example.com/a");
        let client = settings.client.as_ref().unwrap();
        assert_eq!(client.key, Path::new("/etc/landfall/certificates/client.key"));
        assert_eq!(
            Vec::from_iter(&settings.private_hosts),
            ["10.1.2.3", "[fd00::1]", "[fd00::2]", "storage.internal"]
        );
        let team = of(&config.registries, "example.com/team/a");
        assert!(team.client.is_some() && team.private_hosts.is_empty());
        for (keys, message) in [
            ("client-certificate = 'a'", "needs its `client-key`"),
            ("client-key = 'a'", "needs its `client-certificate`"),
            ("private-hosts = ['10.1.2.3:443']", "is not a host without port"),
            ("private-hosts = ['https://a']", "is not a host without port"),
        ] {
            let error = parse(&format!("[registries.'example.com']\n{keys}"))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("[registries.\"example.com\"]"), "{error}");
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn an_ambient_identity_is_refused_to_strangers() {
        assert!(parse("[registries.'ghcr.io']\nread.ambient = 'github'").is_ok());
        let error = parse("[registries.'example.com/a']\nwrite.ambient = 'google'").unwrap_err();
        assert!(error.to_string().contains("LOCATION-docker.pkg.dev"), "{error}");
    }

    #[test]
    fn a_registry_without_tls_keeps_its_credentials() {
        let mut config = parse("[registries.'localhost:5000/team']\nread.anonymous = true").unwrap();
        config.without_tls(&"localhost:5000".parse().unwrap());
        let settings = &config.registries;
        assert!(of(settings, "localhost:5000/x").plain_http);
        let team = of(settings, "localhost:5000/team/x");
        assert!(team.plain_http && team.read.is_some());
        assert!(find(settings, &"localhost:5001/x".parse().unwrap()).is_none());
    }

    #[test]
    fn a_registry_written_in_two_ways_is_one() {
        let error = parse("[registries.'Example.com']\n[registries.'example.com:443']\n").unwrap_err();
        assert!(error.to_string().contains("`example.com` stands here twice"), "{error}");
    }
}
