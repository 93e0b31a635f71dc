//! How the registry is reached: name, proxy, TLS, clock, quota.

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::examination::{Check, Outcome};
use crate::config::{Config, Environment};
use crate::http::redacted;
use crate::model::{Registry, Repository};
use crate::registry::Greeting;

/// Clocks that differ by less are said to agree: `Date` has whole seconds, and the answer took its time.
const AGREEMENT: SignedDuration = SignedDuration::from_secs(5);
/// Tokens are judged by clocks; registries forgive about so much.
const FORGIVEN: SignedDuration = SignedDuration::from_secs(30);

/// Looks the registry's name up.
pub async fn name(registry: &Registry) -> Check {
    const TOPIC: &str = "name";
    let host = registry.connect_to();
    let with_port = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:443")
    };
    match tokio::net::lookup_host(&with_port).await {
        Ok(addresses) => {
            let mut found: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            found.sort_unstable();
            found.dedup();
            Check::new(TOPIC, Outcome::Fine, format!("{host} is at {}", found.join(", ")))
        }
        // A proxy may know it.
        Err(error) => Check::new(
            TOPIC,
            Outcome::Note,
            format!("{host} cannot be looked up on this machine: {error}"),
        ),
    }
}

/// Which proxy the environment names.
pub fn proxy(registry: &Registry, environment: &Environment) -> Check {
    const TOPIC: &str = "proxy";
    let variable = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| Some((*name).to_owned()).zip(environment.get(name)?.into_string().ok()))
    };
    if registry.is_loopback() {
        return Check::new(TOPIC, Outcome::Note, "none: this machine is reached directly");
    }
    let named = variable(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    let text = match (named, variable(&["NO_PROXY", "no_proxy"])) {
        (None, _) => "none".to_owned(),
        (Some((name, value)), except) => {
            let shown = Url::parse(&value).map_or_else(|_| "(not a URL)".to_owned(), |url| redacted(&url));
            let except = except.map_or_else(String::new, |(name, hosts)| format!(", but for {name}={hosts}"));
            format!("{name}={shown}{except}")
        }
    };
    Check::new(TOPIC, Outcome::Note, text)
}

/// What is trusted. That it is, the answer shows.
pub fn tls(config: &Config, repository: &Repository) -> Check {
    const TOPIC: &str = "TLS";
    let settings = config.registry(repository);
    if settings.is_some_and(|settings| settings.plain_http) {
        let outcome = if repository.registry.is_loopback() {
            Outcome::Note
        } else {
            Outcome::Attention
        };
        return Check::new(
            TOPIC,
            outcome,
            "none: `plain-http` is set, and whoever is in between reads and changes all",
        );
    }
    let mut text = match settings.and_then(|settings| settings.ca.as_ref()) {
        Some(file) => format!("trusted: the system's authorities and {}", file.display()),
        None => "trusted: the system's authorities".to_owned(),
    };
    if let Some(client) = settings.and_then(|settings| settings.client.as_ref()) {
        text.push_str(&format!("; shows the certificate {}", client.certificate.display()));
    }
    Check::new(TOPIC, Outcome::Fine, text)
}

/// The registry's clock against this machine's.
pub fn clock(greeting: &Greeting, now: Timestamp) -> Check {
    const TOPIC: &str = "clock";
    let Some(date) = greeting.date else {
        return Check::new(TOPIC, Outcome::Note, "the registry does not tell the time");
    };
    let ahead = date.duration_since(now);
    let apart = ahead.abs();
    if apart <= AGREEMENT {
        return Check::new(TOPIC, Outcome::Fine, "agrees with this machine's");
    }
    let direction = if ahead.is_positive() { "ahead of" } else { "behind" };
    let text = format!("{} s {direction} this machine's", apart.as_secs());
    if apart <= FORGIVEN {
        Check::new(TOPIC, Outcome::Note, text)
    } else {
        let text = format!("{text}: tokens may count as expired or not yet valid; set the clock that is wrong");
        Check::new(TOPIC, Outcome::Attention, text)
    }
}

pub fn quota(greeting: &Greeting) -> Check {
    let told: Vec<String> = greeting
        .quota
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let text = if told.is_empty() {
        "the registry announces none".to_owned()
    } else {
        told.join(", ")
    };
    Check::new("quota", Outcome::Note, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(seconds: i64) -> Greeting {
        Greeting {
            date: Some(Timestamp::from_second(1_000_000 + seconds).unwrap()),
            quota: Vec::new(),
            challenged: false,
        }
    }

    #[test]
    fn a_clock_that_tokens_would_suffer_from_is_pointed_out() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, outcome, text) in [
            (1, Outcome::Fine, "agrees with this machine's"),
            (20, Outcome::Note, "20 s ahead of this machine's"),
            (
                -90,
                Outcome::Attention,
                "90 s behind this machine's: tokens may count as expired or not yet valid; set the clock that is wrong",
            ),
        ] {
            assert_eq!(clock(&greeting(seconds), now), Check::new("clock", outcome, text));
        }
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        let variables = [
            ("HTTPS_PROXY", "http://robot:secret@proxy.example.com:3128"),
            ("NO_PROXY", "localhost"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let check = proxy(&"example.com".parse().unwrap(), &Environment::Fixed(variables.into()));
        assert_eq!(
            check.text,
            "HTTPS_PROXY=http://proxy.example.com:3128/, but for NO_PROXY=localhost"
        );
    }
}
