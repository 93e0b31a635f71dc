//! What stood in the way of an answer or a write, typed as far as that is known.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Foreign;

/// Characters of an explanation that are kept: registries' own words are part of it.
const LONGEST: usize = 2_000;

/// Why something was not answered, or not done. Facts, plans, reports and state carry it as it is, so that back-off, remedies
/// and metrics need not read the text again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    pub kind: ObstacleKind,
    /// The HTTP status, where an answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The registry's own error code, such as `MANIFEST_INVALID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Arc<str>>,
    /// How long the registry asked to be left alone, counted from its answer.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "whole_seconds")]
    pub retry_after: Option<Duration>,
    /// Whose answer it is, or would have been: host, and port where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// For people: one line.
    pub text: Arc<str>,
    /// With [`ObstacleKind::NoSource`]: what was in the way at each place that was to be read from, as far as it was asked.
    #[serde(skip)]
    pub sources: Arc<[Obstacle]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObstacleKind {
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// An answer did not come, or did not end, in time.
    TimedOut,
    /// The connection broke.
    Interrupted,
    /// 401 or 403 after every credential was tried.
    Denied,
    /// 429, or not sent because the registry wants to be left alone.
    Throttled,
    /// 5xx.
    #[serde(rename = "server-error")]
    Server,
    /// The registry cannot do this, or does not take such content: asking again changes nothing.
    Unsupported,
    /// The bytes served are not those the digest names, or headers contradict the body.
    DigestMismatch,
    /// An answer, or what was asked for, is larger than the limits allow.
    TooLarge,
    /// Not what the protocol prescribes.
    Malformed,
    /// The registry refused what was sent.
    Refused,
    /// Refused on this side, before anything was sent.
    NotAllowed,
    /// Something that a write needs was not there.
    Missing,
    /// Accepted, and not there afterwards.
    NotKept,
    /// None of the places to read from gave it.
    NoSource,
    /// Something else stands there than when it was planned.
    Changed,
    /// Read as it is, and not what landfall handles: other bytes would have another digest.
    Content,
    /// On this side: a key, a file, the claim itself.
    Local,
    /// Nobody told: an earlier version kept the text alone.
    Unclassified,
}

impl Obstacle {
    /// An obstacle of which nobody told more than this.
    #[must_use]
    pub fn new(kind: ObstacleKind, text: impl fmt::Display) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            retry_after: None,
            host: None,
            text: one_line(&text.to_string()).into(),
            sources: Arc::default(),
        }
    }

    /// None of the places to read from gave it. As soon as one of them may be asked again, so may this be tried again.
    #[must_use]
    pub fn no_source(text: impl fmt::Display, sources: impl IntoIterator<Item = Self>) -> Self {
        let sources: Arc<[Self]> = sources.into_iter().collect();
        // One that did not ask for time may give it any moment.
        let waits: Option<Vec<Duration>> = sources.iter().map(|source| source.retry_after).collect();
        Self {
            retry_after: waits.and_then(|waits| waits.into_iter().min()),
            sources,
            ..Self::new(ObstacleKind::NoSource, text)
        }
    }

    /// Who asked to be left alone: this one, or those that were to be read from.
    pub fn waits(&self) -> impl Iterator<Item = &Self> {
        let each = std::iter::once(self).chain(self.sources.iter());
        each.filter(|obstacle| obstacle.host.is_some() && obstacle.retry_after.is_some_and(|wait| !wait.is_zero()))
    }

    /// Whether the registry did not answer at all.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        // What is throttled has waited for long already.
        matches!(
            self.kind,
            ObstacleKind::Unreachable | ObstacleKind::TimedOut | ObstacleKind::Throttled
        )
    }

    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, ObstacleKind::Denied | ObstacleKind::NotAllowed)
    }

    /// Whether the same again ends the same, for as long as nobody changes the registry, its settings or the claim.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self.kind,
            ObstacleKind::Unsupported | ObstacleKind::NotAllowed | ObstacleKind::Content
        )
    }
}

impl ObstacleKind {
    pub const EVERY: [Self; 19] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Interrupted,
        Self::Denied,
        Self::Throttled,
        Self::Server,
        Self::Unsupported,
        Self::DigestMismatch,
        Self::TooLarge,
        Self::Malformed,
        Self::Refused,
        Self::NotAllowed,
        Self::Missing,
        Self::NotKept,
        Self::NoSource,
        Self::Changed,
        Self::Content,
        Self::Local,
        Self::Unclassified,
    ];

    /// The name that reports and metrics give it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Interrupted => "interrupted",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Server => "server-error",
            Self::Unsupported => "unsupported",
            Self::DigestMismatch => "digest-mismatch",
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::NotAllowed => "not-allowed",
            Self::Missing => "missing",
            Self::NotKept => "not-kept",
            Self::NoSource => "no-source",
            Self::Changed => "changed",
            Self::Content => "content",
            Self::Local => "local",
            Self::Unclassified => "unclassified",
        }
    }
}

impl fmt::Display for ObstacleKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Registries' own words are part of it: they may be long, hold line breaks, or control a terminal.
fn one_line(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", Foreign(&text[..end])),
        None => Foreign(text).to_string(),
    }
}

/// Rounded up: nobody is to come back too early.
mod whole_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for this signature")]
    pub fn serialize<S: Serializer>(wait: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = wait.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        seconds.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_text_is_one_line_of_bounded_length() {
        let text = |words: &str| Obstacle::new(ObstacleKind::Server, words).to_string();
        assert_eq!(text("slow\n\u{1b}[31mdown"), "slow\\n\\u{1b}[31mdown");
        assert_eq!(text(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = ObstacleKind::EVERY.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ObstacleKind::EVERY.len());
    }

    #[test]
    fn every_kind_is_written_as_it_is_named() {
        for kind in ObstacleKind::EVERY {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn what_is_kept_of_it_is_what_back_off_and_reports_need() {
        let obstacle = Obstacle {
            status: Some(429),
            code: Some("TOOMANYREQUESTS".into()),
            retry_after: Some(Duration::from_millis(1_500)),
            host: Some("one.test".into()),
            ..Obstacle::new(ObstacleKind::Throttled, "later")
        };
        let written = serde_json::to_string(&obstacle).unwrap();
        assert_eq!(
            written,
            r#"{"kind":"throttled","status":429,"code":"TOOMANYREQUESTS","retryAfter":2,"host":"one.test","text":"later"}"#
        );
        let read: Obstacle = serde_json::from_str(&written).unwrap();
        assert_eq!(read.retry_after, Some(Duration::from_secs(2)));
        let bare: Obstacle = serde_json::from_str(r#"{"kind":"local","text":"no key"}"#).unwrap();
        assert_eq!(bare, Obstacle::new(ObstacleKind::Local, "no key"));
    }

    #[test]
    fn what_can_be_read_from_nowhere_waits_for_the_first_that_may_be_asked() {
        let throttled = |host: &str, seconds| Obstacle {
            retry_after: Some(Duration::from_secs(seconds)),
            host: Some(host.into()),
            ..Obstacle::new(ObstacleKind::Throttled, "later")
        };
        let both = Obstacle::no_source("none", [throttled("one.test", 60), throttled("two.test", 30)]);
        assert_eq!(both.retry_after, Some(Duration::from_secs(30)));
        let waits: Vec<&str> = both.waits().filter_map(|source| source.host.as_deref()).collect();
        assert_eq!(waits, ["one.test", "two.test"]);
        let broken = Obstacle::new(ObstacleKind::Interrupted, "broken");
        let either = Obstacle::no_source("none", [throttled("one.test", 60), broken]);
        assert_eq!(either.retry_after, None);
        assert_eq!(Obstacle::no_source("none", []).retry_after, None);
    }
}
