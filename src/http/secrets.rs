//! What was sent in confidence, in whatever form it comes back: some servers repeat it in errors, or in where they lead.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use reqwest::header::HeaderValue;
use serde_json::Value;
use url::{Url, form_urlencoded};

const STRUCK: &str = "(secret)";

/// Shorter ones occur in any text, and striking them out would show what they are.
const SHORTEST: usize = 6;

/// The secrets of one request.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first: one may be part of another.
    forms: Vec<String>,
}

impl Secrets {
    /// Those of an `Authorization` header; of Basic credentials also the password alone.
    #[must_use]
    pub fn of(authorization: Option<&HeaderValue>) -> Self {
        let header = authorization.and_then(|header| header.to_str().ok());
        let Some((scheme, secret)) = header.and_then(|text| text.split_once(' ')) else {
            return Self::default();
        };
        let mut forms = forms(secret);
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = BASE64_STANDARD
                .decode(secret)
                .ok()
                .and_then(|pair| String::from_utf8(pair).ok())
            && let Some((_, password)) = pair.split_once(':')
        {
            forms.extend(self::forms(password));
        }
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// The text without them.
    #[must_use]
    pub fn strike(&self, text: &str) -> String {
        let mut struck = text.to_owned();
        for form in &self.forms {
            if struck.contains(form) {
                struck = struck.replace(form, STRUCK);
            }
        }
        struck
    }

    /// An error's body without them. Of JSON, it is the texts that are looked through, however they are escaped.
    #[must_use]
    pub fn strike_body(&self, body: Bytes) -> Bytes {
        if self.forms.is_empty() {
            return body;
        }
        match serde_json::from_slice(&body) {
            Ok(json) => self.strike_json(json).to_string().into(),
            Err(_) => self.strike(&String::from_utf8_lossy(&body)).into(),
        }
    }

    fn strike_json(&self, json: Value) -> Value {
        match json {
            Value::String(text) => Value::String(self.strike(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.strike_json(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| (self.strike(&key), self.strike_json(value)))
                .collect(),
            other => other,
        }
    }

    /// Whether one stands in the URL where it would be shown and logged: before the query.
    #[must_use]
    pub fn stand_in(&self, url: &Url) -> bool {
        let path = url.path();
        let decoded = percent_decoded(path);
        self.forms
            .iter()
            .any(|form| path.contains(form) || decoded.contains(form))
    }
}

/// As it is, and as it is written in JSON, in forms, in URLs, in HTML, in Basic credentials.
fn forms(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let json = &json[1..json.len() - 1];
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let base64 = BASE64_STANDARD.encode(secret);
    vec![
        secret.to_owned(),
        ascii(json),
        json.to_owned(),
        form.replace('+', "%20"),
        lower(&form),
        form,
        html.replace('"', "&#34;"),
        html.replace('"', "&quot;"),
        html,
        base64.trim_end_matches('=').to_owned(),
        base64,
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}

/// As JSON is written by those who keep to ASCII.
fn ascii(json: &str) -> String {
    let mut escaped = String::new();
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// With the digits of its escapes in lower case.
fn lower(form: &str) -> String {
    let mut digits = 0;
    let mut lowered = String::with_capacity(form.len());
    for character in form.chars() {
        lowered.push(if digits > 0 {
            character.to_ascii_lowercase()
        } else {
            character
        });
        digits = if character == '%' {
            2
        } else {
            digits - i32::from(digits > 0)
        };
    }
    lowered
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(secrets)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWORD: &str = "p&s\"w\\rd <ü>";

    fn basic(password: &str) -> Secrets {
        let header = format!("Basic {}", BASE64_STANDARD.encode(format!("robot:{password}")));
        Secrets::of(Some(&header.parse().unwrap()))
    }

    #[test]
    fn a_password_is_struck_however_it_is_written() {
        let secrets = basic(PASSWORD);
        for echoed in [
            PASSWORD.to_owned(),
            r#"p&s\"w\\rd <ü>"#.to_owned(),
            r#"p&s\"w\\rd <\u00fc>"#.to_owned(),
            "p%26s%22w%5Crd%20%3C%C3%BC%3E".to_owned(),
            "p%26s%22w%5crd+%3c%c3%bc%3e".to_owned(),
            "p&amp;s&#34;w\\rd &lt;ü&gt;".to_owned(),
            BASE64_STANDARD.encode(PASSWORD),
            BASE64_STANDARD.encode(format!("robot:{PASSWORD}")),
        ] {
            assert_eq!(secrets.strike(&format!("<{echoed}>")), "<(secret)>", "{echoed}");
        }
    }

    #[test]
    fn an_answer_in_json_is_looked_through_after_it_is_decoded() {
        let body = r#"{"errors":[{"code":"DENIED","message":"no: p\u0026s\"w\\rd \u003c\u00fc\u003e","detail":{"p\u0026s\"w\\rd <ü>":1}}]}"#;
        let struck = basic(PASSWORD).strike_body(Bytes::from_static(body.as_bytes()));
        assert_eq!(
            std::str::from_utf8(&struck).unwrap(),
            r#"{"errors":[{"code":"DENIED","message":"no: (secret)","detail":{"(secret)":1}}]}"#
        );
    }

    #[test]
    fn what_is_too_short_to_be_told_from_other_text_stays() {
        assert_eq!(basic("abc").strike("abcdef"), "abcdef");
        assert_eq!(Secrets::of(None).strike("abcdef"), "abcdef");
    }

    #[test]
    fn a_path_that_holds_a_secret_is_known() {
        let secrets = basic(PASSWORD);
        for (path, held) in [
            ("/p%26s%22w%5Crd%20%3C%C3%BC%3E/blob", true),
            ("/p&s%22w%5crd%20%3c%c3%bc%3e", true),
            ("/blob?password=p%26s%22w%5Crd%20%3C%C3%BC%3E", false),
            ("/v2/team/app/blobs", false),
        ] {
            let url = Url::parse("https://example.com").unwrap().join(path).unwrap();
            assert_eq!(secrets.stand_in(&url), held, "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_password_no_json_shows_it(password in "[ -~äöü€😀]{6,20}") {
            let body = serde_json::json!({ "errors": [{ "message": format!("you sent {password}, {password}") }] });
            let struck = basic(&password).strike_body(body.to_string().into());
            let json: Value = serde_json::from_slice(&struck).unwrap();
            let message = json["errors"][0]["message"].as_str().unwrap();
            prop_assert!(!message.contains(&password) || "(secret)".contains(&password) || "you sent , ".contains(&password));
        }
    }
}
