//! How long a server asks to be left alone.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// No server is believed for longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The time that `Retry-After` names, as seconds or as a date (RFC 9110, sections 10.2.3 and 5.6.7). A date counts
/// from the answer's own `Date`, so that two clocks need not agree; without one from `now`.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = http_date(text)?;
    let from = headers
        .get(DATE)
        .and_then(|date| http_date(date.to_str().ok()?))
        .unwrap_or(now);
    let wait = until.duration_since(from);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST))
}

/// A date in any of the three forms that RFC 9110 has recipients accept.
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(retry_after: &str, date: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        headers
    }

    fn now() -> Timestamp {
        "1994-11-06T08:49:00Z".parse().unwrap()
    }

    #[test]
    fn seconds_are_taken_as_they_are_and_bounded() {
        assert_eq!(retry_after(&headers("7", None), now()), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers(&"9".repeat(30), None), now()), Some(LONGEST));
        assert_eq!(retry_after(&headers("soon", None), now()), None);
        assert_eq!(retry_after(&HeaderMap::new(), now()), None);
    }

    #[test]
    fn all_three_forms_of_a_date_are_understood() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                retry_after(&headers(date, None), now()),
                Some(Duration::from_secs(37)),
                "{date}"
            );
        }
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock() {
        let answer = headers("Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 08:49:32 GMT"));
        assert_eq!(retry_after(&answer, now()), Some(Duration::from_secs(5)));
        let past = headers("Sun, 06 Nov 1994 08:49:37 GMT", Some("Mon, 07 Nov 1994 08:49:32 GMT"));
        assert_eq!(retry_after(&past, now()), Some(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_wait_for_ever(text in "[ -~]{0,60}") {
            if let Some(wait) = retry_after(&headers(&text, None), now()) {
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}
