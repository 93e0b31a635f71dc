//! URLs of repositories elsewhere.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::source::SourceError;

/// Where a repository is served. It never holds a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// `https://`, and `http://` of this machine.
    Http(Url),
    Ssh(SshUrl),
}

/// `ssh://USER@HOST:PORT/PATH`, or `USER@HOST:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshUrl {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// As it is given to the other side.
    pub path: String,
}

impl RemoteUrl {
    /// `None` for what is no URL of the network.
    ///
    /// # Errors
    /// [`SourceError::Location`] for such that cannot be used.
    pub(in crate::source) fn parse(text: &str) -> Result<Option<Self>, SourceError> {
        match text.split_once("://") {
            Some((scheme, _)) => match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => http(text).map(Self::Http).map(Some),
                "ssh" | "git+ssh" | "ssh+git" => ssh(text).map(Self::Ssh).map(Some),
                "git" | "ftp" | "ftps" => Err(bad(
                    &without_credentials(text),
                    "nothing keeps others from changing what is sent that way: use https:// or ssh://",
                )),
                _ => Ok(None),
            },
            None => scp(text).map(|found| found.map(Self::Ssh)),
        }
    }

    /// A name for what is kept of this repository, fit for a file.
    #[must_use]
    pub fn key(&self) -> String {
        let digest = Sha256::digest(self.to_string());
        faster_hex::hex_string(&digest[..8])
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(formatter),
            Self::Ssh(url) => {
                formatter.write_str("ssh://")?;
                if let Some(user) = &url.user {
                    write!(formatter, "{user}@")?;
                }
                if url.host.contains(':') {
                    write!(formatter, "[{}]", url.host)?;
                } else {
                    formatter.write_str(&url.host)?;
                }
                if let Some(port) = url.port {
                    write!(formatter, ":{port}")?;
                }
                let before = match url.path.chars().next() {
                    Some('/') => "",
                    Some('~') => "/",
                    _ => "/~/",
                };
                write!(formatter, "{before}{}", url.path)
            }
        }
    }
}

fn bad(text: &str, reason: &str) -> SourceError {
    SourceError::Location {
        text: text.to_owned(),
        reason: reason.to_owned(),
    }
}

fn http(text: &str) -> Result<Url, SourceError> {
    let shown = without_credentials(text);
    let mut url = Url::parse(text).map_err(|error| bad(&shown, &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            &shown,
            "credentials do not stand in a URL: name them as `login` under [git] in config.toml",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(&shown, "a repository's URL has neither `?` nor `#`"));
    }
    if url.scheme() == "http" && !is_this_machine(&url) {
        return Err(bad(
            &shown,
            "nothing keeps others from changing what is sent without TLS: use https://",
        ));
    }
    while url.path().ends_with('/') && url.path().len() > 1 {
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
    }
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn ssh(text: &str) -> Result<SshUrl, SourceError> {
    let shown = without_credentials(text);
    let url = Url::parse(text).map_err(|error| bad(&shown, &error.to_string()))?;
    if url.password().is_some() {
        return Err(bad(
            &shown,
            "passwords are not used over ssh: name a key under [git.ssh] in config.toml",
        ));
    }
    let user = (!url.username().is_empty()).then(|| url.username().to_owned());
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    // `/~user/path` is below that user's home (git-clone, "GIT URLS").
    let path = match url.path() {
        home if home.starts_with("/~/") => &home[3..],
        home if home.starts_with("/~") => &home[1..],
        path => path,
    };
    checked(&shown, user, host, url.port(), path)
}

/// `user@host:path`: a colon before the first slash, as git tells it apart (git-clone, "GIT URLS").
fn scp(text: &str) -> Result<Option<SshUrl>, SourceError> {
    let (place, path) = match text.split_once("]:") {
        Some((place, path)) if place.contains('[') => (place.to_owned() + "]", path),
        _ => match text.split_once(':') {
            Some((place, path)) if !place.is_empty() && !place.contains(['/', '\\']) => (place.to_owned(), path),
            _ => return Ok(None),
        },
    };
    let (user, host) = match place.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host.to_owned()),
        None => (None, place),
    };
    let path = path.strip_prefix("~/").unwrap_or(path);
    checked(text, user, host.trim_matches(['[', ']']), None, path).map(Some)
}

fn checked(text: &str, user: Option<String>, host: &str, port: Option<u16>, path: &str) -> Result<SshUrl, SourceError> {
    let host_is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let user_is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    if host.is_empty() || host.starts_with('-') || !host.chars().all(host_is_plain) {
        return Err(bad(text, "it names no host that ssh could be given"));
    }
    let user_fits = |user: &String| !user.is_empty() && !user.starts_with('-') && user.chars().all(user_is_plain);
    if !user.as_ref().is_none_or(user_fits) {
        return Err(bad(text, "it names no user that ssh could be given"));
    }
    if path.is_empty() || path == "/" || path.chars().any(char::is_control) {
        return Err(bad(text, "it names no repository at the host"));
    }
    if path.starts_with('-') {
        return Err(bad(text, "a path that begins with `-` would be taken for an option"));
    }
    Ok(SshUrl {
        user,
        host: host.to_ascii_lowercase(),
        port,
        path: path.to_owned(),
    })
}

/// A URL as it may be shown.
pub(in crate::source) fn without_credentials(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) => {
            // Fails only for URLs without a host, which carry no credentials.
            let _ = parsed.set_password(None);
            if matches!(parsed.scheme(), "http" | "https") {
                let _ = parsed.set_username("");
            }
            parsed.set_query(None);
            parsed.to_string()
        }
        Err(_) => url.split("://").next().unwrap_or_default().to_owned() + "://…",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> RemoteUrl {
        RemoteUrl::parse(text).unwrap().unwrap()
    }

    fn refusal(text: &str) -> String {
        RemoteUrl::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn urls_of_the_network_are_told_from_paths() {
        for path in ["releases", "/srv/a.git", "./a:b", "file:///srv/a", "s3://bucket/a"] {
            assert_eq!(RemoteUrl::parse(path).unwrap(), None, "{path}");
        }
        assert_eq!(
            parse("https://git.example.com/a/b.git/").to_string(),
            "https://git.example.com/a/b.git"
        );
        assert_eq!(parse("http://127.0.0.1:3000/a").to_string(), "http://127.0.0.1:3000/a");
    }

    #[test]
    fn every_form_of_an_ssh_url_names_the_same_places_as_for_git() {
        for (text, shown, path) in [
            (
                "ssh://git@example.com:2222/a/b.git",
                "ssh://git@example.com:2222/a/b.git",
                "/a/b.git",
            ),
            ("git@example.com:a/b.git", "ssh://git@example.com/~/a/b.git", "a/b.git"),
            (
                "git@example.com:/srv/b.git",
                "ssh://git@example.com/srv/b.git",
                "/srv/b.git",
            ),
            ("ssh://example.com/~/a", "ssh://example.com/~/a", "a"),
            ("ssh://example.com/~robot/a", "ssh://example.com/~robot/a", "~robot/a"),
            ("git@[::1]:a", "ssh://git@[::1]/~/a", "a"),
        ] {
            let url = parse(text);
            assert_eq!(url.to_string(), shown);
            let RemoteUrl::Ssh(url) = url else { panic!("{text}") };
            assert_eq!(url.path, path, "{text}");
        }
        assert_eq!(
            parse("git@example.com:a").key(),
            parse("ssh://git@example.com/~/a").key()
        );
        assert_ne!(parse("git@example.com:a").key(), parse("git@example.com:/a").key());
    }

    #[test]
    fn what_would_be_an_option_of_ssh_is_refused() {
        for text in [
            "ssh://-oProxyCommand=id/a",
            "-oProxyCommand=id@example.com:a",
            "git@-oProxyCommand=id:a",
            "git@example.com:-a",
            "git@example.com:",
            "ssh://example.com/",
        ] {
            assert!(refusal(text).contains("names no Git repository"), "{text}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        for text in [
            "https://user:hunter2@git.example.com/a",
            "https://hunter2@git.example.com/a",
            "https://git.example.com/a?token=hunter2",
            "ssh://git:hunter2@git.example.com/a",
        ] {
            let told = refusal(text);
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_others_could_change_on_the_way_is_refused() {
        for text in [
            "http://git.example.com/a",
            "git://git.example.com/a",
            "ftp://git.example.com/a",
        ] {
            let told = refusal(text);
            assert!(told.contains("use https://"), "{told}");
        }
    }

    proptest! {
        #[test]
        fn no_text_gives_ssh_an_option(text in "[ -~]{0,40}") {
            if let Ok(Some(RemoteUrl::Ssh(url))) = RemoteUrl::parse(&text) {
                prop_assert!(!url.host.starts_with('-') && !url.path.starts_with('-'));
                prop_assert!(!url.user.is_some_and(|user| user.starts_with('-')));
            }
        }
    }
}
