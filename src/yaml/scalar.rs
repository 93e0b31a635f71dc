//! Texts, and what some of them mean without quotes.

use std::borrow::Cow;

/// A text as it was written. What type it has is for whoever reads it to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar<'t> {
    pub text: Cow<'t, str>,
    /// Without quotes: only then can it be something other than text.
    pub plain: bool,
}

impl Scalar<'_> {
    /// What stands where nothing is written.
    pub const NULL: Self = Self {
        text: Cow::Borrowed(""),
        plain: true,
    };

    /// Nothing, as it is written: empty, `~` or `null` (YAML 1.2, "Core Schema"; Go's YAML reads the same).
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// A truth value (YAML 1.2, "Core Schema").
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match &*self.text {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_quotes_is_a_word_more_than_text() {
        let scalar = |text: &'static str, plain| Scalar {
            text: text.into(),
            plain,
        };
        for text in ["", "~", "null"] {
            assert!(
                scalar(text, true).is_null() && !scalar(text, false).is_null(),
                "{text:?}"
            );
        }
        assert_eq!(scalar("True", true).as_bool(), Some(true));
        assert_eq!(scalar("false", true).as_bool(), Some(false));
        assert_eq!(scalar("true", false).as_bool(), None);
        assert_eq!(scalar("yes", true).as_bool(), None);
    }
}
