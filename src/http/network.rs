//! Which part of the network an address belongs to, and who may send us where.
//!
//! A registry chooses where its realms, redirects and upload sessions lead. It must not lead landfall into the
//! networks that landfall can reach and the registry cannot: cloud metadata, the loopback, the private network.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// The part of the network that an address belongs to (IANA special-purpose address registries).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    Public,
    /// RFC 1918, RFC 6598 and unique local addresses.
    Private,
    LinkLocal,
    Loopback,
    /// Multicast, documentation, future use, translation prefixes with no address in them.
    Reserved,
}

impl Network {
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0 | 127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [192, 168, ..] | [198, 18 | 19, ..] => Self::Private,
            [172, second, ..] if second & 0xf0 == 16 => Self::Private,
            [100, second, ..] if second & 0xc0 == 64 => Self::Private,
            [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let embedded = |high: u16, low: u16| {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Self::Loopback,
            // IPv4-mapped and -compatible addresses, NAT64 and 6to4 lead to the IPv4 address in them.
            [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
            [0x2002, high, low, ..] => embedded(high, low),
            [first, ..] if first & 0xffc0 == 0xfe80 => Self::LinkLocal,
            [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Self::Private,
            [first, ..] if first & 0xff00 == 0xff00 => Self::Reserved,
            [0x64, 0xff9b, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0 | 0xdb8, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
            Self::Reserved => "reserved",
        })
    }
}

/// A set of networks; the public one is always in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Networks(u8);

impl Networks {
    pub(super) const PUBLIC: Self = Self(1 << Network::Public as u8);

    pub(super) fn with(self, network: Network) -> Self {
        Self(self.0 | 1 << network as u8)
    }

    pub(super) fn contains(self, network: Network) -> bool {
        self.0 & 1 << network as u8 != 0
    }

    /// The networks to which a registry at this URL may send us: the public one, and its own.
    pub(super) async fn around(home: &Url) -> Self {
        let addresses: Vec<IpAddr> = match home.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => found.map(|socket| socket.ip()).collect(),
                // Behind a proxy names need not resolve here: the strictest reading then.
                Err(_) => Vec::new(),
            },
            None => Vec::new(),
        };
        addresses
            .into_iter()
            .fold(Self::PUBLIC, |networks, address| networks.with(Network::of(address)))
    }

    /// Refuses a URL whose host is an address outside these networks. Names are judged when they are resolved.
    pub(super) fn check(self, url: &Url, exempt: &PrivateHosts) -> Result<(), ForbiddenAddress> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            _ => return Ok(()),
        };
        self.judge(url.host_str().unwrap_or_default(), address, exempt)
    }

    fn judge(self, host: &str, address: IpAddr, exempt: &PrivateHosts) -> Result<(), ForbiddenAddress> {
        let network = Network::of(address);
        if self.contains(network) || exempt.0.contains(host) {
            Ok(())
        } else {
            Err(ForbiddenAddress {
                host: host.to_owned(),
                network,
                line: exempt.line_with(host),
            })
        }
    }
}

/// Hosts to which a registry may lead wherever they are, as URLs write them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PrivateHosts(Arc<BTreeSet<String>>);

impl PrivateHosts {
    pub(super) fn new(hosts: BTreeSet<String>) -> Self {
        Self(Arc::new(hosts))
    }

    /// The line of a configuration that exempts this host, too.
    fn line_with(&self, host: &str) -> String {
        let hosts: Vec<String> = self
            .0
            .iter()
            .map(String::as_str)
            .chain([host])
            .map(|host| format!("\"{host}\""))
            .collect();
        format!("private-hosts = [{}]", hosts.join(", "))
    }
}

/// Why a host that a registry named is not contacted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the registry sends us to `{host}`, a {network} address, and is not itself in that network; to allow it, have this \
     line in the registry's section of config.toml: {line}"
)]
pub(super) struct ForbiddenAddress {
    host: String,
    network: Network,
    line: String,
}

/// Resolves names to addresses inside the allowed networks only, at the moment of connecting, so that a name cannot
/// be harmless when checked and harmful when used. A proxy's own name is exempt; what a proxy resolves for us is its
/// own business.
pub(super) struct GuardedResolver {
    pub(super) allowed: Networks,
    pub(super) private_hosts: PrivateHosts,
    pub(super) proxies: Arc<HashSet<String>>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed;
        let private_hosts = self.private_hosts.clone();
        let exempt = self.proxies.contains(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut refusal = None;
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                match allowed.judge(name.as_str(), address.ip(), &private_hosts) {
                    Err(refused) if !exempt => refusal = Some(refused),
                    _ => addresses.push(address),
                }
            }
            match refusal {
                Some(refused) if addresses.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_in_every_disguise() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        for (expected, addresses) in [
            (
                Network::Public,
                vec![
                    "1.1.1.1",
                    "172.32.0.1",
                    "100.128.0.1",
                    "2606:4700::1",
                    "64:ff9b::1.1.1.1",
                ],
            ),
            (
                Network::Private,
                vec![
                    "10.0.0.1",
                    "172.31.0.1",
                    "192.168.1.1",
                    "100.64.0.1",
                    "fd00:ec2::254",
                    "fec0::1",
                ],
            ),
            (
                Network::LinkLocal,
                vec![
                    "169.254.169.254",
                    "fe80::1",
                    "::ffff:169.254.169.254",
                    "64:ff9b::a9fe:a9fe",
                ],
            ),
            (
                Network::Loopback,
                vec!["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"],
            ),
            (Network::LinkLocal, vec!["2002:a9fe:a9fe::1"]),
            (
                Network::Reserved,
                vec!["224.0.0.1", "255.255.255.255", "203.0.113.9", "ff02::1", "2001:db8::1"],
            ),
        ] {
            for address in addresses {
                assert_eq!(network(address), expected, "{address}");
            }
        }
    }

    #[tokio::test]
    async fn a_registry_may_send_us_to_public_addresses_and_to_its_own_network_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let none = PrivateHosts::default();
        let public = Networks::around(&url("https://1.1.1.1/")).await;
        assert!(public.check(&url("https://8.8.8.8/"), &none).is_ok());
        assert!(public.check(&url("http://169.254.169.254/latest"), &none).is_err());
        // The URL parser has already undone this spelling of 127.0.0.1.
        assert!(public.check(&url("http://0x7f.1/"), &none).is_err());
        let loopback = Networks::around(&url("http://127.0.0.1:5000/")).await;
        assert!(loopback.check(&url("http://127.0.0.1:5001/"), &none).is_ok());
        assert!(loopback.check(&url("http://10.0.0.1/"), &none).is_err());
        let named = PrivateHosts::new(BTreeSet::from(["10.0.0.1".to_owned(), "[fd00::1]".to_owned()]));
        assert!(loopback.check(&url("http://10.0.0.1/"), &named).is_ok());
        assert!(public.check(&url("https://[FD00:0::1]:8443/"), &named).is_ok());
        assert!(public.check(&url("https://10.0.0.2/"), &named).is_err());
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let resolve = |allowed, proxies: &[&str], hosts: &[&str]| {
            let resolver = GuardedResolver {
                allowed,
                private_hosts: PrivateHosts::new(hosts.iter().map(|&name| name.to_owned()).collect()),
                proxies: Arc::new(proxies.iter().map(|&name| name.to_owned()).collect()),
            };
            resolver.resolve("localhost".parse().unwrap())
        };
        let refusal = resolve(Networks::PUBLIC, &[], &["a.example.com"]).await.err().unwrap();
        let refusal = refusal.downcast_ref::<ForbiddenAddress>().unwrap().to_string();
        assert!(
            refusal.ends_with("private-hosts = [\"a.example.com\", \"localhost\"]"),
            "{refusal}"
        );
        assert!(
            resolve(Networks::PUBLIC.with(Network::Loopback), &[], &[])
                .await
                .is_ok()
        );
        assert!(resolve(Networks::PUBLIC, &["localhost"], &[]).await.is_ok());
        assert!(resolve(Networks::PUBLIC, &[], &["localhost"]).await.is_ok());
    }
}
