//! Amazon's Signature Version 4 ("Create a signed AWS API request").

use std::fmt::Write as _;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::registry::Secret;

/// An access key, and the token that belongs to it if it is a temporary one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) session_token: Option<Secret>,
}

/// What is signed: a request to the root of a service, without a query.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    /// Beside those that the signature itself adds, in lower case.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a [u8],
}

/// For whom, and from when it holds.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

/// The headers that make it a signed request; `true` marks those that are secret.
pub(super) fn headers(
    request: &Unsigned<'_>,
    key: &AccessKey,
    scope: &Scope<'_>,
) -> Vec<(&'static str, Zeroizing<String>, bool)> {
    let date = scope.at.strftime("%Y%m%d").to_string();
    let time = scope.at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut signed: Vec<(&str, &str)> = request.headers.to_vec();
    signed.push(("host", request.host));
    signed.push(("x-amz-date", &time));
    if let Some(token) = &key.session_token {
        signed.push(("x-amz-security-token", token.expose()));
    }
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = Zeroizing::new(format!("{}\n/\n\n", request.method));
    for (name, value) in &signed {
        // Writing to a string cannot fail.
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(request.body)));
    let place = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{place}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let start = Zeroizing::new(format!("AWS4{}", key.secret.expose()));
    let mut signing_key = Key::new(HMAC_SHA256, start.as_bytes());
    for part in [&*date, scope.region, scope.service, "aws4_request"] {
        signing_key = Key::new(HMAC_SHA256, hmac(&signing_key, part.as_bytes()).as_ref());
    }
    let signature = hex(hmac(&signing_key, text.as_bytes()).as_ref());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        key.id
    );
    let mut headers = vec![
        ("authorization", Zeroizing::new(authorization), true),
        ("x-amz-date", Zeroizing::new(time), false),
    ];
    if let Some(token) = &key.session_token {
        headers.push(("x-amz-security-token", Zeroizing::new(token.expose().to_owned()), true));
    }
    headers
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Amazon's "Signature Version 4 test suite", which has one key, place and time throughout.
    fn signed(method: &str, headers_: &[(&'static str, &str)], body: &str, session_token: Option<&str>) -> String {
        let key = AccessKey {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: session_token.map(Secret::new),
        };
        let request = Unsigned {
            method,
            host: "example.amazonaws.com",
            headers: headers_,
            body: body.as_bytes(),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            at: "2015-08-30T12:36:00Z".parse().unwrap(),
        };
        let headers = headers(&request, &key, &scope);
        assert_eq!(*headers[1].1, "20150830T123600Z");
        headers[0].1.to_string()
    }

    const START: &str =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";

    #[test]
    fn amazons_own_examples_are_signed_as_amazon_does() {
        for (method, headers, body, expected) in [
            // get-vanilla, post-vanilla, post-header-key-sort, post-x-www-form-urlencoded
            (
                "GET",
                vec![],
                "",
                "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                vec![],
                "",
                "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "POST",
                vec![("my-header1", "value1")],
                "",
                "host;my-header1;x-amz-date, \
                 Signature=c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "POST",
                vec![("content-type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "content-type;host;x-amz-date, \
                 Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(signed(method, &headers, body, None), format!("{START}{expected}"));
        }
        // post-sts-header-before
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        assert_eq!(
            signed("POST", &[], "", Some(token)),
            format!(
                "{START}host;x-amz-date;x-amz-security-token, \
                 Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
            )
        );
    }
}
