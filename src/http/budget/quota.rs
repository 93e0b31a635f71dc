//! What a server says is left of a quota.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};

use crate::http::retry_after::http_date;

/// So many more requests until the quota is whole again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) remaining: u64,
    pub(super) reset: Duration,
}

/// No server is believed for longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Resets as seconds from now are smaller than this, as seconds since 1970 larger.
const EPOCH: u64 = 1_000_000_000;

/// The tightest of the quotas that an answer names: `RateLimit` (IETF draft "RateLimit header fields for HTTP": a list of
/// `"policy";r=50;t=30`, in its older versions `remaining=50, reset=30`), `RateLimit-Remaining` and `RateLimit-Reset`
/// (older still; a window may follow as `;w=`), and the same with `X-` before it, where the reset may be a time (GitHub).
/// A quota without a reset (Docker Hub's `100;w=21600`) says nothing about when to come back.
pub(super) fn quota(headers: &HeaderMap, now: Timestamp) -> Option<Quota> {
    let joined = |name: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.collect::<Vec<_>>().join(",")
    };
    let mut found = structured(&joined("ratelimit"));
    for (remaining, reset) in [
        ("ratelimit-remaining", "ratelimit-reset"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ] {
        let remaining = number(&joined(remaining));
        let reset = number(&joined(reset));
        if let (Some(remaining), Some(reset)) = (remaining, reset) {
            let reset = if reset >= EPOCH {
                until(reset, headers, now)
            } else {
                Duration::from_secs(reset)
            };
            found.push(Quota { remaining, reset });
        }
    }
    found
        .into_iter()
        .map(|quota| Quota {
            reset: quota.reset.min(LONGEST),
            ..quota
        })
        .min_by_key(|quota| (quota.remaining, std::cmp::Reverse(quota.reset)))
}

fn structured(text: &str) -> Vec<Quota> {
    let seconds = |(remaining, reset): (Option<u64>, Option<u64>)| {
        Some(Quota {
            remaining: remaining?,
            reset: Duration::from_secs(reset?),
        })
    };
    let parameter = |item: &str, names: [&str; 2]| {
        item.split([';', ','])
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| names.contains(&name.trim()))
            .and_then(|(_, value)| number(value))
    };
    if text.contains("remaining=") {
        let names = |name| parameter(text, [name, name]);
        return seconds((names("remaining"), names("reset"))).into_iter().collect();
    }
    text.split(',')
        .filter_map(|item| seconds((parameter(item, ["r", "r"]), parameter(item, ["t", "t"]))))
        .collect()
}

/// The number that a value begins with; parameters may follow it.
fn number(text: &str) -> Option<u64> {
    let text = text.trim().split([';', ',']).next()?.trim();
    text.parse().ok()
}

/// The time to a moment given in seconds since 1970, by the server's own clock where it shows it.
fn until(epoch: u64, headers: &HeaderMap, now: Timestamp) -> Duration {
    let from = headers
        .get(DATE)
        .and_then(|date| http_date(date.to_str().ok()?))
        .unwrap_or(now);
    let from = u64::try_from(from.as_second()).unwrap_or_default();
    Duration::from_secs(epoch.saturating_sub(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(headers: &[(&'static str, &str)]) -> Option<(u64, u64)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        quota(&headers, now).map(|quota| (quota.remaining, quota.reset.as_secs()))
    }

    #[test]
    fn every_form_in_use_is_understood() {
        assert_eq!(read(&[("ratelimit", r#""default";r=50;t=30"#)]), Some((50, 30)));
        assert_eq!(
            read(&[("ratelimit", r#""burst";r=5;t=1, "day";r=4;t=3600"#)]),
            Some((4, 3600))
        );
        assert_eq!(
            read(&[("ratelimit", "limit=100, remaining=50, reset=5")]),
            Some((50, 5))
        );
        assert_eq!(
            read(&[
                ("ratelimit-limit", "100, 100;w=60"),
                ("ratelimit-remaining", "7;w=60"),
                ("ratelimit-reset", "9")
            ]),
            Some((7, 9))
        );
        assert_eq!(
            read(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "17")]),
            Some((0, 17))
        );
        let github = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225660")];
        assert_eq!(read(&github), Some((0, 60)));
        let with_date = [github[0], github[1], ("date", "Thu, 01 Jan 2026 00:00:50 GMT")];
        assert_eq!(read(&with_date), Some((0, 10)));
    }

    #[test]
    fn a_quota_without_a_reset_names_no_time_to_wait() {
        let docker_hub = [("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600")];
        assert_eq!(read(&docker_hub), None);
        assert_eq!(read(&[("ratelimit-policy", r#""default";q=100;w=10"#)]), None);
        assert_eq!(read(&[]), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_wait_for_ever(name in 0_usize..4, text in "[ -~]{0,60}", reset in "[0-9]{1,20}") {
            let names = ["ratelimit", "ratelimit-remaining", "x-ratelimit-remaining", "ratelimit-reset"];
            if let Some((_, reset)) = read(&[(names[name], &text), ("x-ratelimit-reset", &reset)]) {
                prop_assert!(reset <= LONGEST.as_secs());
            }
        }
    }
}
