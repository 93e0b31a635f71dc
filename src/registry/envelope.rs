//! The body that registries give their errors in.
//!
//! Our own, although `oci-client` has the like: that one reads no envelope in which one error lacks a code or has `null` as
//! its message, and what is no envelope may count as an absence.

use serde_json::Value;

/// A registry's error (OCI distribution specification, "Error Codes").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    /// At least one; empty where the registry gave none.
    codes: Vec<String>,
    message: Option<String>,
}

/// Codes that say "what you asked for is not here". `NOT_FOUND` is Harbor's, against the specification.
const ABSENT: [&str; 5] = [
    "MANIFEST_UNKNOWN",
    "BLOB_UNKNOWN",
    "NAME_UNKNOWN",
    "TAG_UNKNOWN",
    "NOT_FOUND",
];

impl Envelope {
    /// Reads `{"errors": [{"code": …, "message": …}]}`; anything else is no envelope.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let errors = body.get("errors")?.as_array()?;
        let codes = errors
            .iter()
            .map(|error| error.get("code").and_then(Value::as_str).map(code).unwrap_or_default())
            .collect::<Vec<_>>();
        if codes.is_empty() {
            return None;
        }
        let message = errors
            .iter()
            .find_map(|error| error.get("message").and_then(Value::as_str))
            .map(one_line);
        Some(Self { codes, message })
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.codes.iter().find(|code| !code.is_empty()).map(String::as_str)
    }

    pub(super) fn has(&self, wanted: &[&str]) -> bool {
        self.codes.iter().any(|code| wanted.contains(&code.as_str()))
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_deref().filter(|message| !message.is_empty())
    }

    /// Whether every error in it is an absence.
    pub(super) fn is_absence(&self) -> bool {
        self.codes.iter().all(|code| ABSENT.contains(&code.as_str()))
    }
}

/// A code as the specification writes it; text that cannot be one is dropped.
fn code(text: &str) -> String {
    let fits = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits { text.to_ascii_uppercase() } else { String::new() }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_and_messages_are_found() {
        let envelope = Envelope::parse(br#"{"errors":[{"code":"manifest_unknown","message":"no\nsuch"}]}"#).unwrap();
        assert_eq!(envelope.code(), Some("MANIFEST_UNKNOWN"));
        assert_eq!(envelope.message(), Some("no such"));
        assert!(envelope.is_absence());
    }

    #[test]
    fn an_absence_beside_another_error_is_none() {
        let both = br#"{"errors":[{"code":"NAME_UNKNOWN"},{"code":"DENIED"}]}"#;
        assert!(!Envelope::parse(both).unwrap().is_absence());
        let without_code = br#"{"errors":[{"status":404,"message":"not here"}]}"#;
        assert!(!Envelope::parse(without_code).unwrap().is_absence());
    }

    #[test]
    fn other_bodies_are_no_envelope() {
        for body in [
            "",
            "404 page not found",
            "<html>",
            "{}",
            r#"{"errors":[]}"#,
            r#"{"errors":"x"}"#,
            "null",
        ] {
            assert_eq!(Envelope::parse(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
