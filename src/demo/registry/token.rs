//! The token endpoint (Docker's "Token Authentication Specification").

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use rand::Rng;
use serde_json::json;
use url::form_urlencoded;

use super::access::{Access, Action, Resource};
use super::answer::Answer;
use crate::sim::registry::{Refusal, RefusalCode};

/// Tokens that were given out.
pub(super) struct Tokens {
    /// The registry's own host and port.
    service: String,
    lifetime: Duration,
    issued: Mutex<HashMap<String, Issued>>,
    requests: AtomicU64,
}

struct Issued {
    expires: Instant,
    grants: Vec<Grant>,
}

/// What a token allows with one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    resource: Resource,
    actions: Vec<Action>,
}

impl Grant {
    pub fn allows(&self, resource: &Resource, action: Action) -> bool {
        self.resource == *resource && self.actions.contains(&action)
    }

    /// `repository:PATH:ACTION,ACTION` or `registry:catalog:*`; a path has no colon. Whatever else clients ask for,
    /// nothing is granted.
    fn parse(scope: &str) -> Option<Self> {
        let (resource, actions) = scope.rsplit_once(':')?;
        let resource = match resource.split_once(':')? {
            ("repository", path) => Resource::Repository(path.to_owned()),
            ("registry", "catalog") => Resource::Catalog,
            _ => return None,
        };
        let asked: Vec<&str> = actions.split(',').collect();
        let actions = Action::EACH
            .into_iter()
            .filter(|action| asked.contains(&action.as_str()) || asked.contains(&"*"));
        Some(Self {
            resource,
            actions: actions.collect(),
        })
    }
}

impl Tokens {
    pub fn new(service: String, lifetime: Duration) -> Self {
        Self {
            service,
            lifetime,
            issued: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// How often a token was asked for.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What a token allows; `None` where it is not known or has expired.
    pub fn grants(&self, token: &str) -> Option<Vec<Grant>> {
        let issued = self.lock();
        issued
            .get(token)
            .filter(|issued| Instant::now() < issued.expires)
            .map(|issued| issued.grants.clone())
    }

    /// Where to get a token that suffices. `insufficient`: the one that came is valid, but not for this.
    pub fn challenge(&self, needed: &[(Resource, Action)], insufficient: bool) -> String {
        let mut challenge = format!(r#"Bearer realm="http://{0}/token",service="{0}""#, self.service);
        if !needed.is_empty() {
            let scopes: Vec<String> = needed
                .iter()
                .map(|(resource, action)| match action {
                    // Who pushes looks first.
                    Action::Push => format!("{resource}:pull,push"),
                    other => format!("{resource}:{}", other.as_str()),
                })
                .collect();
            let _ = write!(challenge, r#",scope="{}""#, scopes.join(" "));
        }
        if insufficient {
            challenge.push_str(r#",error="insufficient_scope""#);
        }
        challenge
    }

    /// Answers GET with a query, and POST with a form of grant type `password`.
    pub fn issue(&self, access: &Access, headers: &HeaderMap, query: &str, form: &[u8]) -> Result<Answer, Refusal> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let Access::Bearer {
            credentials,
            anonymous_pull,
        } = access
        else {
            return Err(Refusal::new(RefusalCode::Unsupported, "there are no tokens here").with_status(404));
        };
        let fields = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        let fields: Vec<(String, String)> = fields
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let field = |name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.as_str())
        };
        let in_form = field("grant_type").map(|grant_type| {
            grant_type == "password"
                && field("username") == Some(&credentials.user)
                && field("password") == Some(&credentials.password)
        });
        let known = match in_form.or_else(|| credentials.match_header(headers)) {
            Some(false) => return Err(Refusal::new(RefusalCode::Unauthorized, "wrong user or password")),
            Some(true) => true,
            None if *anonymous_pull => false,
            None => return Err(Refusal::new(RefusalCode::Unauthorized, "user and password are needed")),
        };
        let scopes = fields
            .iter()
            .filter(|(field, _)| field == "scope")
            .flat_map(|(_, value)| value.split(' '));
        let mut grants: Vec<Grant> = scopes.filter_map(Grant::parse).collect();
        if !known {
            grants
                .iter_mut()
                .for_each(|grant| grant.actions.retain(|action| *action == Action::Pull));
        }
        let token = format!(
            "{:032x}{:032x}",
            rand::rng().random::<u128>(),
            rand::rng().random::<u128>()
        );
        let now = Instant::now();
        let mut issued = self.lock();
        issued.retain(|_, other| now < other.expires);
        issued.insert(
            token.clone(),
            Issued {
                expires: now + self.lifetime,
                grants,
            },
        );
        let answer = json!({ "token": token, "access_token": token, "expires_in": self.lifetime.as_secs() });
        Ok(Answer::new(StatusCode::OK).json("application/json", &answer))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Issued>> {
        // One insertion or removal at a time: a panic leaves nothing half-done.
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_grants_what_it_names_and_nothing_else() {
        let repository = |path: &str| Resource::Repository(path.to_owned());
        let grant = Grant::parse("repository:a/b:pull,push,teleport").unwrap();
        assert!(grant.allows(&repository("a/b"), Action::Pull) && grant.allows(&repository("a/b"), Action::Push));
        assert!(!grant.allows(&repository("a/b"), Action::Delete) && !grant.allows(&repository("a"), Action::Pull));
        assert!(
            Grant::parse("repository:a:*")
                .unwrap()
                .allows(&repository("a"), Action::Delete)
        );
        assert!(
            Grant::parse("registry:catalog:*")
                .unwrap()
                .allows(&Resource::Catalog, Action::All)
        );
        assert_eq!(Grant::parse("registry:users:*"), None);
    }

    #[test]
    fn an_expired_token_grants_nothing() {
        let access = Access::Bearer {
            credentials: super::super::Credentials {
                user: "u".into(),
                password: "p".into(),
            },
            anonymous_pull: true,
        };
        for (lifetime, valid) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
            let tokens = Tokens::new("127.0.0.1:1".into(), lifetime);
            tokens
                .issue(&access, &HeaderMap::new(), "scope=repository:a:pull,push", b"")
                .unwrap();
            let token = tokens.lock().keys().next().unwrap().clone();
            let expected = vec![Grant {
                resource: Resource::Repository("a".into()),
                actions: vec![Action::Pull],
            }];
            assert_eq!(tokens.grants(&token), valid.then_some(expected));
        }
    }
}
