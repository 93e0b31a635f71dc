//! Registries, repository paths and repositories.
//!
//! Read by ourselves, not as `oci-client` reads references: that one knows no addresses in brackets, leaves upper case and
//! the default port in a host, so that two spellings would be two registries, and says of what it refuses no more than that
//! it is wrong. Names as Docker's tools write them are left to it (`adoption`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A registry's host and, where it is not the default, port. Normalised: lower case, no default port 443,
/// one name for Docker Hub (`docker.io`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry(Arc<str>);

/// One or more path segments below a registry: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` each, joined by `/`
/// (OCI distribution specification, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(Arc<str>);

/// A repository: where manifests, blobs and tags live.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    pub registry: Registry,
    pub path: RepositoryPath,
}

/// Why a text names no registry or repository.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    #[error("`{0}` does not start with a registry host: expected `registry.example.com/path`")]
    NoHost(String),
    #[error("`{0}` is not a registry host")]
    Host(String),
    #[error("`{0}` names a registry without a repository path")]
    NoPath(String),
    #[error(
        "`{segment}` in `{path}` is not a path segment: expected lower-case letters and digits, joined by `.`, `_`, `__` or `-`"
    )]
    Segment { segment: String, path: String },
    #[error("`{0}` carries a scheme: write the registry without `https://`")]
    Scheme(String),
    #[error("a repository path has {0} characters: at most 255 are allowed")]
    Length(usize),
}

impl Registry {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host and port to connect to: Docker Hub's API does not live at its name.
    #[must_use]
    pub fn connect_to(&self) -> &str {
        if &*self.0 == "docker.io" {
            "registry-1.docker.io"
        } else {
            &self.0
        }
    }
}

impl Registry {
    /// Whether this is the host that requests to it go to; the usual ports may be left out.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        let bare = |name: &'_ str| -> usize {
            let port = [":443", ":80"].iter().find(|port| name.ends_with(**port));
            name.len() - port.map_or(0, |port| port.len())
        };
        let here = self.connect_to();
        here[..bare(here)].eq_ignore_ascii_case(&host[..bare(host)])
    }

    /// Whether it is on this machine: the registries that may speak HTTP without TLS and harm nobody.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let (host, port) = self.0.rsplit_once(':').unwrap_or((&self.0, ""));
        let host = if port.bytes().all(|b| b.is_ascii_digit()) {
            host
        } else {
            &self.0
        };
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Registry {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || PathError::Host(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let (host, port) = match lower.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => {
                if address.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(bad());
                }
                let port = match rest {
                    "" => None,
                    rest => Some(rest.strip_prefix(':').ok_or_else(bad)?),
                };
                (&lower[..lower.len() - rest.len()], port)
            }
            None => match lower.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (&*lower, None),
            },
        };
        let port = match port {
            Some(port) if port.starts_with('+') => return Err(bad()),
            Some(port) => Some(port.parse::<u16>().map_err(|_| bad())?),
            None => None,
        };
        if !(host.starts_with('[') && host.ends_with(']')) {
            let label = |label: &str| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            if host.len() > 253 || !host.split('.').all(label) {
                return Err(bad());
            }
        }
        // Without its port, a name of one label would be read as a path.
        let is_plainly_host = host.contains(['.', '[']) || host == "localhost";
        Ok(Self(match (host, port) {
            ("index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com", None | Some(443)) => {
                "docker.io".into()
            }
            (host, None) => host.into(),
            (host, Some(443)) if is_plainly_host => host.into(),
            (host, Some(port)) => format!("{host}:{port}").into(),
        }))
    }
}

impl RepositoryPath {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// `self` below `parent`; an empty parent leaves it as it is.
    #[must_use]
    pub fn below(&self, parent: &str) -> Self {
        if parent.is_empty() {
            self.clone()
        } else {
            Self(format!("{parent}/{}", self.0).into())
        }
    }
}

pub(super) fn check_segments(path: &str) -> Result<(), PathError> {
    if path.len() > 255 {
        return Err(PathError::Length(path.len()));
    }
    match path.split('/').find(|segment| !is_segment(segment)) {
        None => Ok(()),
        Some(segment) => Err(PathError::Segment {
            segment: segment.to_owned(),
            path: path.to_owned(),
        }),
    }
}

fn is_segment(segment: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = segment.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && bytes
            .split(|b| alphanumeric(*b))
            .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

impl FromStr for RepositoryPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_segments(text)?;
        Ok(Self(text.into()))
    }
}

impl Repository {
    #[must_use]
    pub fn new(registry: Registry, path: RepositoryPath) -> Self {
        Self { registry, path }
    }
}

impl FromStr for Repository {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (registry, path) = split_host(text)?;
        let path = path.ok_or_else(|| PathError::NoPath(text.to_owned()))?;
        let registry: Registry = registry.parse()?;
        let path = docker_hub_path(&registry, path).parse()?;
        Ok(Self { registry, path })
    }
}

/// Docker Hub keeps its official images, written with one segment, under `library/`.
pub(super) fn docker_hub_path<'a>(registry: &Registry, path: &'a str) -> std::borrow::Cow<'a, str> {
    if registry.as_str() == "docker.io" && !path.contains('/') {
        format!("library/{path}").into()
    } else {
        path.into()
    }
}

/// Splits `host[:port][/path]`; the first segment must look like a host: a dot, a port, or `localhost`.
pub(super) fn split_host(text: &str) -> Result<(&str, Option<&str>), PathError> {
    if text.contains("://") {
        return Err(PathError::Scheme(text.to_owned()));
    }
    let (host, path) = match text.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    };
    if host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost") {
        Ok((host, path))
    } else {
        Err(PathError::NoHost(text.to_owned()))
    }
}

macro_rules! text_value {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(super) use text_value;

impl fmt::Display for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.path)
    }
}

text_value!(Registry, RepositoryPath, Repository);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_written_as_what_is_read_again() {
        for (text, written) in [
            ("registry:443/a", "registry:443/a"),
            ("Registry:00443/a", "registry:443/a"),
            ("registry.example.com:0443/a", "registry.example.com/a"),
            ("localhost:443/a", "localhost/a"),
            ("[::1]:443/a", "[::1]/a"),
            ("[::1]:5000/a", "[::1]:5000/a"),
            ("registry-1.docker.io:443/a", "docker.io/library/a"),
        ] {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(repository.to_string(), written);
            assert_eq!(written.parse::<Repository>().as_ref(), Ok(&repository));
        }
        for text in [
            "[::1]x/a",
            "[::1]x:5000/a",
            "a.example.com:443:443/a",
            "a.example.com:+443/a",
            "a.example.com:/a",
        ] {
            assert!(text.parse::<Repository>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_normalised() {
        let repository = |text: &str| text.parse::<Repository>().unwrap().to_string();
        assert_eq!(repository("Registry.Example.com:443/a/b"), "registry.example.com/a/b");
        assert_eq!(repository("index.docker.io/alpine"), "docker.io/library/alpine");
        assert_eq!(repository("localhost:5000/a"), "localhost:5000/a");
        assert_eq!(repository("[::1]:5000/a"), "[::1]:5000/a");
    }

    #[test]
    fn registries_on_this_machine_are_told_from_others() {
        let is_loopback = |text: &str| text.parse::<Registry>().unwrap().is_loopback();
        for here in ["localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "localhost.example.com",
            "10.0.0.1:5000",
            "[fe80::1]:5000",
            "127.0.0.1.example.com",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn texts_that_name_no_repository_are_refused() {
        for bad in [
            "alpine",
            "library/alpine",
            "registry.example.com",
            "https://registry.example.com/a",
            "registry.example.com/A",
            "registry.example.com/a//b",
            "registry.example.com/../b",
            "registry.example.com/a/",
            "registry.example.com:99999/a",
            "registry..com/a",
            "user@registry.example.com/a",
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad}");
        }
    }

    #[test]
    fn separators_inside_segments_follow_the_specification() {
        for good in ["a.b", "a_b", "a__b", "a---b", "0"] {
            assert!(is_segment(good), "{good}");
        }
        for bad in ["a..b", "a___b", ".a", "a-", "a.-b", ""] {
            assert!(!is_segment(bad), "{bad}");
        }
    }
}
