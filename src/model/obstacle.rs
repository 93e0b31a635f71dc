//! What stood in the way of an answer or a write, typed as far as that is known.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Characters of an explanation that are kept: registries' own words are part of it.
const LONGEST: usize = 2_000;

/// Why something was not answered, or not done. Facts, plans and reports carry it as it is, so that back-off, remedies and
/// metrics need not read the text again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Obstacle {
    pub kind: ObstacleKind,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The registry's own error code, such as `MANIFEST_INVALID`.
    pub code: Option<Arc<str>>,
    /// How long the registry asked to be left alone, counted from its answer.
    pub retry_after: Option<Duration>,
    /// For people: one line.
    pub text: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Read as it is, and not what landfall handles: other bytes would have another digest.
    Content,
    /// On this side: a key, a file, the claim itself.
    Local,
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
            text: one_line(&text.to_string()).into(),
        }
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
    pub const EVERY: [Self; 17] = [
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
        Self::Content,
        Self::Local,
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
            Self::Content => "content",
            Self::Local => "local",
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

/// Registries' own words may be long, hold line breaks, or control a terminal.
fn one_line(text: &str) -> String {
    let mut characters = text.chars();
    let mut line: String = characters
        .by_ref()
        .take(LONGEST)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_text_is_one_line_of_bounded_length() {
        let text = |words: &str| Obstacle::new(ObstacleKind::Server, words).to_string();
        assert_eq!(text("slow\n\u{1b}[31mdown"), "slow  [31mdown");
        assert_eq!(text(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = ObstacleKind::EVERY.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ObstacleKind::EVERY.len());
    }
}
