//! What a token allows, where it says so.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::model::Repository;
use crate::registry::access::Mode;
use crate::registry::auth::Authorization;
use crate::registry::{HttpRegistries, RegistryError};

/// What the token server granted for a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// The registry takes no tokens: it knows us by user and password, or not at all.
    NoToken,
    /// A token that only the registry can read.
    Opaque { asked: Vec<String> },
    /// A token that names its scopes (distribution's token specification, "Token Content").
    Scopes { asked: Vec<String>, granted: Vec<String> },
}

#[derive(Deserialize)]
struct Claims {
    access: Vec<Access>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Vec<String>,
}

impl HttpRegistries {
    /// What the token that is shown for this repository allows; for writing, or else for reading. The registry must have
    /// been asked something for the same purpose before.
    ///
    /// # Errors
    /// Where the token server refuses, or does not answer.
    pub async fn granted(&self, repository: &Repository, for_writing: bool) -> Result<Granted, RegistryError> {
        let mode = if for_writing { Mode::Write } else { Mode::Read };
        let access = self.access(repository, mode)?;
        let authorization = self.auth.authorization(&self.http, &access).await?;
        let asked = access.scopes.values().collect();
        Ok(match bearer(&authorization) {
            None => Granted::NoToken,
            Some(token) => match scopes(token) {
                Some(granted) => Granted::Scopes { asked, granted },
                None => Granted::Opaque { asked },
            },
        })
    }
}

fn bearer(authorization: &Authorization) -> Option<&str> {
    authorization.header.as_ref()?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The scopes in a JSON web token. Nothing is verified: what it says is shown, and decides nothing.
fn scopes(token: &str) -> Option<Vec<String>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let scopes = claims.access.into_iter().map(|access| {
        let shown = format!("{}:{}:{}", access.kind, access.name, access.actions.join(","));
        shown.chars().filter(|c| !c.is_control()).collect()
    });
    Some(scopes.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2lnbmF0dXJl", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_that_names_its_scopes_is_read() {
        let read = token(r#"{"sub":"robot","access":[{"type":"repository","name":"a/b","actions":["pull"]}]}"#);
        assert_eq!(scopes(&read), Some(vec!["repository:a/b:pull".to_owned()]));
        assert_eq!(scopes(&token(r#"{"access":[]}"#)), Some(Vec::new()));
    }

    #[test]
    fn any_other_token_is_opaque() {
        for other in ["", "abcdef", "a.b.c", &token("{}"), &token("[1]"), "djE6cm9ib3Q6"] {
            assert_eq!(scopes(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_token_holds_what_is_shown_of_it_is_one_line(payload in "\\PC{0,60}", name in any::<String>()) {
            prop_assert!(scopes(&payload).is_none_or(|_| payload.contains('.')));
            let claims = serde_json::json!({ "access": [{ "type": "repository", "name": name, "actions": ["pull"] }] });
            let shown = scopes(&token(&claims.to_string())).unwrap();
            prop_assert!(!shown[0].chars().any(char::is_control));
        }
    }
}
