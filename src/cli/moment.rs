//! Points in time, as they are given on the command line.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Which end of a day a date stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Beginning,
    End,
}

/// A date, a time, or how long ago; without a zone, in UTC.
///
/// # Errors
/// Text that is none of these.
pub fn moment(text: &str, bound: Bound, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let wrong =
        || format!("`{text}` is no point in time: expected `2026-11-01`, `2026-11-01T12:00:00Z`, or `14 days ago`");
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-11-01".len()
    {
        if bound == Bound::Beginning {
            let beginning = day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
            return Ok(beginning.timestamp());
        }
        let next = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
        let end = next.map_err(|_| wrong())?.timestamp();
        return end.checked_sub(Span::new().nanoseconds(1)).map_err(|_| wrong());
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return Ok(time.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp());
    }
    let ago: Span = text.parse().map_err(|_| wrong())?;
    let then = now.to_zoned(TimeZone::UTC).checked_sub(ago.abs());
    then.map(|then| then.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let now = "2026-11-15T12:00:00Z".parse().unwrap();
        moment(text, Bound::End, now).map_or_else(|error| error, |time| time.to_string())
    }

    #[test]
    fn a_day_means_its_end_or_its_beginning() {
        assert_eq!(told("2026-11-01"), "2026-11-01T23:59:59.999999999Z");
        let beginning = moment("2026-11-01", Bound::Beginning, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(beginning.to_string(), "2026-11-01T00:00:00Z");
    }

    #[test]
    fn times_have_the_zone_that_they_name_and_otherwise_utc() {
        assert_eq!(told("2026-11-01T12:00:00+02:00"), "2026-11-01T10:00:00Z");
        assert_eq!(told("2026-11-01T12:00"), "2026-11-01T12:00:00Z");
        assert_eq!(told("2026-11-01 12:00"), "2026-11-01T12:00:00Z");
    }

    #[test]
    fn how_long_ago_counts_from_now() {
        assert_eq!(told("14 days ago"), "2026-11-01T12:00:00Z");
        assert_eq!(told("1 month"), "2026-10-15T12:00:00Z");
        assert_eq!(told("2h"), "2026-11-15T10:00:00Z");
    }

    #[test]
    fn anything_else_is_refused_with_what_is_meant() {
        for text in ["", "yesterday", "2026", "2026-13-01", "main"] {
            assert!(told(text).contains("expected `2026-11-01`"), "{text}");
        }
    }
}
