//! `WWW-Authenticate` (RFC 9110, sections 11.3 to 11.6.1).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One way to authenticate that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::registry) struct Challenge {
    /// In lower case.
    pub(in crate::registry) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter, by its name in lower case; the first where it is given twice.
    pub(in crate::registry) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All challenges of an answer: servers send several headers, several challenges in one, and not always well-formed
/// ones. What cannot be read is skipped.
pub(in crate::registry) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| Reader { rest: text }.challenges())
        .collect()
}

/// Whether the token that was shown is too narrow (RFC 6750, section 3.1).
pub(in crate::registry) fn is_too_narrow(headers: &HeaderMap) -> bool {
    challenges(headers)
        .iter()
        .any(|challenge| challenge.scheme == "bearer" && challenge.parameter("error") == Some("insufficient_scope"))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn challenges(mut self) -> Vec<Challenge> {
        let mut found: Vec<Challenge> = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            if self.rest.is_empty() {
                return found;
            }
            let name = self.take_while(is_token);
            if name.is_empty() {
                // A stray value without a name: on to the next element.
                self.value();
                continue;
            }
            let after = self.rest.trim_start_matches([' ', '\t']);
            if let Some(value) = after.strip_prefix('=') {
                self.rest = value.trim_start_matches([' ', '\t']);
                let value = self.value();
                if let Some(challenge) = found.last_mut() {
                    challenge.parameters.push((name.to_ascii_lowercase(), value));
                }
            } else {
                found.push(Challenge {
                    scheme: name.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                self.skip_token68();
            }
        }
    }

    fn take_while(&mut self, accept: fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A quoted string without its quotes, or whatever stands up to the next comma or space: realms come unquoted.
    fn value(&mut self) -> String {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let value = self.take_while(|c| !matches!(c, ',' | ' ' | '\t'));
            return value.to_owned();
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &quoted[index + 1..];
                    return value;
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        self.rest = "";
        value
    }

    /// Skips credentials-like data after a scheme (`Negotiate YII=`), which is never a parameter.
    fn skip_token68(&mut self) {
        let mut ahead = Reader {
            rest: self.rest.trim_start_matches([' ', '\t']),
        };
        let data = ahead.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/'));
        ahead.take_while(|c| c == '=');
        let end = ahead.rest.trim_start_matches([' ', '\t']);
        if !data.is_empty() && (end.is_empty() || end.starts_with(',')) {
            self.rest = end;
        }
    }
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        challenges(&headers)
    }

    fn schemes(values: &[&str]) -> Vec<String> {
        read(values).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn what_registries_send_is_read() {
        let hub = read(&[concat!(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io","#,
            r#"scope="repository:library/alpine:pull,push",error="insufficient_scope""#
        )]);
        assert_eq!(hub[0].scheme, "bearer");
        assert_eq!(hub[0].parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(hub[0].parameter("service"), Some("registry.docker.io"));
        assert_eq!(hub[0].parameter("scope"), Some("repository:library/alpine:pull,push"));
        let unquoted = read(&["BEARER Realm = https://example.com/token?a=b , service=x"]);
        assert_eq!(unquoted[0].parameter("realm"), Some("https://example.com/token?a=b"));
        assert_eq!(unquoted[0].parameter("service"), Some("x"));
    }

    #[test]
    fn several_challenges_are_told_apart_in_one_header_and_in_many() {
        let gitea = [
            r#"Bearer realm="https://g/v2/token",service="container_registry",scope="*""#,
            r#"Basic realm="Gitea""#,
        ];
        assert_eq!(schemes(&gitea), ["bearer", "basic"]);
        assert_eq!(schemes(&[&gitea.join(", ")]), ["bearer", "basic"]);
        assert_eq!(
            schemes(&["Negotiate, NTLM, Basic realm=x"]),
            ["negotiate", "ntlm", "basic"]
        );
        assert_eq!(
            schemes(&["Negotiate YIIJvwYG==, Basic realm=x"]),
            ["negotiate", "basic"]
        );
        assert_eq!(schemes(&["Basic"]), ["basic"]);
    }

    #[test]
    fn quotes_may_hold_commas_and_escapes_and_may_be_left_open() {
        let read = read(&[r#"Basic realm="a, Bearer realm=\"b\"", charset="UTF-8", Digest nonce="x"#]);
        assert_eq!(read[0].parameter("realm"), Some(r#"a, Bearer realm="b""#));
        assert_eq!(read[0].parameter("charset"), Some("UTF-8"));
        assert_eq!(read[1].parameter("nonce"), Some("x"));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_hang(text in "[ -~]{0,80}") {
            let _ = read(&[&text]);
        }

        #[test]
        fn written_challenges_are_read_back(
            written in proptest::collection::vec(
                ("[a-z]{1,8}", proptest::collection::vec(("[a-z]{1,8}", "[ -~]{0,20}"), 1..4)), 1..4)
        ) {
            let text = written
                .iter()
                .map(|(scheme, parameters)| {
                    let parameters: Vec<String> = parameters
                        .iter()
                        .map(|(name, value)| {
                            format!(r#"{name}="{}""#, value.replace('\\', r"\\").replace('"', "\\\""))
                        })
                        .collect();
                    format!("{scheme} {}", parameters.join(", "))
                })
                .collect::<Vec<_>>()
                .join(", ");
            let read: Vec<_> = read(&[&text]).into_iter().map(|c| (c.scheme, c.parameters)).collect();
            prop_assert_eq!(read, written);
        }
    }
}
