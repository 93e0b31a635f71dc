//! Which identities are asked for: exactly, or by a regular expression that means here what it means to cosign.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use super::CertificateIdentity;
use crate::trust::limits::LIMITS;
use crate::trust::verification::shown;

/// The most repetitions that Go's `regexp` counts.
const MOST_REPETITIONS: u32 = 1_000;

/// Whose certificates are asked for.
#[derive(Debug, Clone)]
pub struct IdentityPattern {
    pub subject: TextPattern,
    pub issuer: TextPattern,
}

/// A text, or a regular expression.
#[derive(Debug, Clone)]
pub enum TextPattern {
    Exact(String),
    /// Holds somewhere in the text, like cosign's `--certificate-identity-regexp`: anchors have to be written.
    Matching(Expression),
}

/// A regular expression that Rust's engine and Go's read alike. A text with other than ASCII characters never matches:
/// letters that look alike, and what is one character to the one engine and several to the other, are left out so.
#[derive(Debug, Clone)]
pub struct Expression {
    regex: Regex,
    anchored: bool,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    #[error("`{expression}` is no regular expression: {reason}")]
    Syntax { expression: String, reason: String },
    #[error("`{expression}` means one thing here and another to cosign: {what}")]
    Ambiguous { expression: String, what: &'static str },
    #[error("`{expression}` has other than ASCII characters: name such an identity exactly")]
    NotAscii { expression: String },
}

impl IdentityPattern {
    #[must_use]
    pub fn matches(&self, identity: &CertificateIdentity) -> bool {
        self.subject.matches(&identity.subject) && self.issuer.matches(&identity.issuer)
    }
}

impl TextPattern {
    /// # Errors
    /// What is no regular expression, or one that the two engines read differently.
    pub fn expression(text: &str) -> Result<Self, PatternError> {
        Expression::parse(text).map(Self::Matching)
    }

    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Matching(expression) => text.is_ascii() && expression.regex.is_match(text.as_bytes()),
        }
    }

    /// Whether it holds for texts that merely contain what is asked for.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Matching(expression) if !expression.anchored)
    }
}

impl Expression {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let expression = || shown(text);
        if !text.is_ascii() {
            return Err(PatternError::NotAscii {
                expression: expression(),
            });
        }
        if let Some(what) = read_differently(text.as_bytes()) {
            return Err(PatternError::Ambiguous {
                expression: expression(),
                what,
            });
        }
        let regex = RegexBuilder::new(text)
            .unicode(false)
            .size_limit(LIMITS.expression)
            .build()
            .map_err(|error| PatternError::Syntax {
                expression: expression(),
                // The engine draws over several lines: the last one says what is wrong.
                reason: shown(error.to_string().lines().last().unwrap_or_default()),
            })?;
        Ok(Self {
            anchored: is_anchored(text),
            regex,
        })
    }
}

/// Begins with `^` and ends with `$`, and has no alternative between: said of few, and certain of those.
fn is_anchored(text: &str) -> bool {
    text.strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'))
        .is_some_and(|inner| !inner.contains('|') && !inner.ends_with('\\'))
}

/// What Go's `regexp/syntax` and the crate `regex` take for different things, as far as both take it at all.
fn read_differently(text: &[u8]) -> Option<&'static str> {
    let mut position = 0;
    let mut in_class = false;
    while let Some(&byte) = text.get(position) {
        let rest = &text[position..];
        let mut step = 1;
        match byte {
            b'\\' => {
                step = 2;
                match rest.get(1) {
                    Some(b'<' | b'>') => return Some(r"`\<` and `\>`"),
                    Some(b'b' | b'B') if rest.get(2) == Some(&b'{') => return Some(r"`\b{`"),
                    Some(b'Q') => return Some(r"`\Q`"),
                    _ => {}
                }
            }
            b'[' if in_class => {
                if rest.get(1) != Some(&b':') {
                    return Some("`[` within a class: write `\\[`");
                }
                // A named class such as `[:alpha:]`.
                step = rest.windows(2).position(|pair| pair == b":]").map_or(1, |end| end + 2);
            }
            b'[' => {
                in_class = true;
                // A bracket at the beginning is one of the class, behind `^` too.
                step = match rest {
                    [_, b'^', b']', ..] => 3,
                    [_, b'^' | b']', ..] => 2,
                    _ => 1,
                };
            }
            b']' => in_class = false,
            b'&' | b'-' | b'~' if in_class && rest.get(1) == Some(&byte) => {
                return Some("`&&`, `--` and `~~` within a class");
            }
            b'{' if !in_class => {
                if let Some(what) = repetition(rest) {
                    return Some(what);
                }
            }
            b'(' if !in_class && rest.get(1) == Some(&b'?') => {
                let mut flags = rest[2..].iter().take_while(|byte| !b":)<P=!".contains(*byte));
                if flags.any(|flag| !b"imsU-".contains(flag)) {
                    return Some("flags other than `i`, `m`, `s` and `U`");
                }
            }
            _ => {}
        }
        position += step;
    }
    None
}

/// Braces that count nothing are braces to the one and an error, or a count, to the other.
fn repetition(text: &[u8]) -> Option<&'static str> {
    let plain = Some("braces that are no count `{n}`, `{n,}` or `{n,m}`: write `\\{`");
    let Some(end) = text.iter().position(|byte| *byte == b'}') else {
        return plain;
    };
    let Ok(inner) = std::str::from_utf8(&text[1..end]) else {
        return plain;
    };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let numbers = [least, most].map(str::as_bytes);
    if least.is_empty() || numbers.iter().any(|digits| !digits.iter().all(u8::is_ascii_digit)) {
        return plain;
    }
    let counts = |digits: &str| digits.parse::<u32>().is_ok_and(|count| count <= MOST_REPETITIONS);
    if !counts(least) || !(most.is_empty() || counts(most)) {
        return Some("more than 1,000 repetitions");
    }
    None
}

impl fmt::Display for TextPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => formatter.write_str(&shown(text)),
            Self::Matching(expression) => write!(formatter, "/{}/", expression.regex.as_str()),
        }
    }
}

impl fmt::Display for IdentityPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (issuer {})", self.subject, self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, text: &str) -> bool {
        TextPattern::expression(expression).unwrap().matches(text)
    }

    #[test]
    fn an_expression_holds_anywhere_unless_it_says_where() {
        assert!(matches("example/app", "https://github.com/example/app-evil"));
        assert!(!matches(
            "^https://github.com/example/app$",
            "https://github.com/example/app-evil"
        ));
        for (expression, open) in [
            ("a", true),
            ("^a", true),
            ("^a|b$", true),
            ("^a\\$", true),
            ("^a$", false),
        ] {
            assert_eq!(
                TextPattern::expression(expression).unwrap().is_open(),
                open,
                "{expression}"
            );
        }
        assert!(!TextPattern::Exact("a".to_owned()).is_open());
    }

    #[test]
    fn letters_that_look_alike_never_match_an_expression() {
        assert!(matches("^.*$", "alice@example.com"));
        assert!(!matches("^.*$", "аlice@example.com"));
        // The Kelvin sign, which is a `k` to engines that fold Unicode's cases.
        assert!(!matches("(?i)^k$", "\u{212a}"));
        assert!(matches("(?i)^k$", "K"));
        assert!(!matches(r"^\d$", "٣"));
        assert!(matches!(
            TextPattern::expression("é"),
            Err(PatternError::NotAscii { .. })
        ));
    }

    #[test]
    fn what_the_engines_read_differently_is_refused() {
        for expression in [
            r"\<a",
            r"a\>",
            r"\b{start}a",
            r"\Qa.b\E",
            "[a&&b]",
            "[a--b]",
            "[a~~b]",
            "[a[b]]",
            "a{,5}",
            "a{",
            "a{x}",
            "a{1001}",
            "a{2,1001}",
            "(?x)a b",
            "(?R)a",
            "(?u)a",
            "(?-u:a)",
            "[]-[b]",
        ] {
            assert!(
                matches!(TextPattern::expression(expression), Err(PatternError::Ambiguous { .. })),
                "{expression}"
            );
        }
        for expression in ["(", "a)", "[a", "*", r"\Z", r"\1", r"\pL", "(?=a)"] {
            assert!(
                matches!(
                    TextPattern::expression(expression),
                    Err(PatternError::Syntax { .. } | PatternError::Ambiguous { .. })
                ),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_both_read_alike_is_taken() {
        for (expression, text) in [
            (
                r"^https://github\.com/[^/]+/app/\.github/workflows/release\.ya?ml@refs/tags/v\d+$",
                "https://github.com/example/app/.github/workflows/release.yml@refs/tags/v12",
            ),
            ("^[[:alpha:]_-]{2,5}$", "a_-b"),
            ("^[]a]+$", "a]"),
            ("^[^]a]$", "b"),
            (r"^(?i:ABC)(?P<n>x|y)$", "abcy"),
            (r"^a\{2\}$", "a{2}"),
            (r"^[\]\[]$", "["),
        ] {
            assert!(matches(expression, text), "{expression}");
        }
    }

    #[test]
    fn subject_and_issuer_must_both_be_right() {
        let identity = |subject: &str, issuer: &str| CertificateIdentity {
            subject: subject.to_owned(),
            kind: super::super::SubjectKind::Email,
            issuer: issuer.to_owned(),
        };
        let pattern = IdentityPattern {
            subject: TextPattern::Exact("alice@example.com".to_owned()),
            issuer: TextPattern::expression("^https://issuer\\.example\\.com$").unwrap(),
        };
        assert!(pattern.matches(&identity("alice@example.com", "https://issuer.example.com")));
        assert!(!pattern.matches(&identity("alice@example.com", "https://issuer.example.com.evil")));
        assert!(!pattern.matches(&identity("alice@example.co", "https://issuer.example.com")));
        assert_eq!(
            pattern.to_string(),
            "alice@example.com (issuer /^https://issuer\\.example\\.com$/)"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_expression_or_refused_and_never_panics(text in "[ -~]{0,30}", other in ".{0,30}") {
            if let Ok(pattern) = TextPattern::expression(&text) {
                let _ = pattern.matches(&other);
            }
        }
    }
}
