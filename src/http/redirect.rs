//! Where an answer may send us.

use url::Url;

/// How many redirects one request follows.
pub(super) const MAX_REDIRECTS: usize = 5;

/// The URL a redirect leads to, or why landfall does not go there.
pub(super) fn target(from: &Url, location: &str) -> Result<Url, String> {
    let to = from
        .join(location)
        .map_err(|error| format!("redirects to something that is no URL: {error}"))?;
    let shown = || to.host_str().unwrap_or_default().to_owned();
    match (from.scheme(), to.scheme()) {
        ("https", "http") => return Err(format!("redirects from https to plain http at `{}`", shown())),
        (_, "http" | "https") => {}
        (_, other) => return Err(format!("redirects to the scheme `{other}`")),
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(format!("redirects to a URL with a user name in it at `{}`", shown()));
    }
    Ok(to)
}

/// `url` as seen from `base`, if it leads to the same host and port; else `None`. Registries behind a proxy that
/// ends TLS name themselves with `http://`: the answer always has `base`'s own scheme and port.
#[must_use]
pub fn on_origin_of(base: &Url, url: &Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") || base.host() != url.host() || base.host().is_none() {
        return None;
    }
    let same_port = base.port_or_known_default() == url.port_or_known_default();
    let both_default = base.port().is_none() && url.port().is_none();
    if !(same_port || both_default) {
        return None;
    }
    let mut own = url.clone();
    own.set_scheme(base.scheme()).ok()?;
    own.set_port(base.port()).ok()?;
    own.set_username("").ok()?;
    own.set_password(None).ok()?;
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn redirects_never_lose_encryption() {
        let from = url("https://example.com/v2/a");
        assert_eq!(target(&from, "/b?c=d").unwrap(), url("https://example.com/b?c=d"));
        assert_eq!(
            target(&from, "https://cdn.example.net/b").unwrap(),
            url("https://cdn.example.net/b")
        );
        for refused in [
            "http://example.com/b",
            "ftp://example.com/b",
            "https://me@example.com/b",
            "https://",
        ] {
            assert!(target(&from, refused).is_err(), "{refused}");
        }
        assert!(target(&url("http://example.com/"), "http://cdn.example.net/").is_ok());
    }

    #[test]
    fn a_registry_that_names_itself_without_tls_is_kept_on_tls() {
        let base = url("https://example.com/v2/");
        assert_eq!(
            on_origin_of(&base, &url("http://example.com/x?y=z")),
            Some(url("https://example.com/x?y=z"))
        );
        assert_eq!(
            on_origin_of(&base, &url("https://example.com:443/x")),
            Some(url("https://example.com/x"))
        );
        for other in [
            "https://example.org/x",
            "https://example.com:8443/x",
            "http://example.com:443x.org/",
        ] {
            if let Ok(other) = Url::parse(other) {
                assert_eq!(on_origin_of(&base, &other), None, "{other}");
            }
        }
        let plain = url("http://127.0.0.1:5000/v2/");
        assert_eq!(on_origin_of(&plain, &url("http://127.0.0.1:5001/x")), None);
    }
}
