//! Bearer tokens: their life, and one request at a time for each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use super::scope::Scopes;
use crate::model::Prefix;
use crate::registry::RegistryError;
use crate::registry::access::Mode;
use crate::registry::credentials::{Secret, sensitive};

/// A token lives so long where its server does not say (distribution's token specification, "Token Response Fields").
const DEFAULT_LIFE: Duration = Duration::from_secs(60);

/// A token is fetched anew this long before its end at the latest, or a fifth of its life before.
const MARGIN: Duration = Duration::from_secs(30);

/// Tokens are kept for so many (repository, purpose) pairs; beyond, the longest unused go.
const CAPACITY: usize = 4096;

#[derive(Debug, Clone)]
pub(in crate::registry) struct Token {
    pub(super) header: HeaderValue,
    refresh_at: Instant,
    /// Given to a stranger.
    pub(super) anonymous: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    #[serde(default)]
    expires_in: Value,
    issued_at: Option<String>,
}

impl Token {
    /// Reads a token server's answer to a request sent at `sent`. `date` is the answer's own `Date`: it and
    /// `issued_at` come from one clock, so their difference is the age of a token that the server had in store.
    pub(in crate::registry) fn parse(
        bytes: &[u8],
        date: Option<Timestamp>,
        sent: Instant,
    ) -> Result<Self, &'static str> {
        let answer: Answer =
            serde_json::from_slice(bytes).map_err(|_| "the token server's answer is not JSON with a token")?;
        let token = [answer.token, answer.access_token]
            .into_iter()
            .flatten()
            .find(|token| !token.expose().is_empty())
            .ok_or("the token server's answer holds no token")?;
        let header = sensitive(&zeroize::Zeroizing::new(format!("Bearer {}", token.expose())))
            .ok_or("the token server's token holds characters that no header can carry")?;
        let life = seconds(&answer.expires_in).unwrap_or(DEFAULT_LIFE);
        let issued: Option<Timestamp> = answer.issued_at.and_then(|text| text.parse().ok());
        let age = match (issued, date) {
            (Some(issued), Some(date)) => Duration::try_from(date.duration_since(issued)).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let margin = MARGIN.min(life / 5);
        Ok(Self {
            header,
            refresh_at: sent + life.saturating_sub(margin).saturating_sub(age),
            anonymous: false,
        })
    }
}

/// A positive number of seconds, at most a day; some servers write it as text.
fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number >= 1.0).then(|| Duration::from_secs_f64(number.min(86_400.0)))
}

/// Whom a token is for, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    pub(super) origin: url::Origin,
    /// The prefix whose credentials it was got with.
    pub(super) setting: usize,
    /// What they were asked for: some sources tell one repository from another.
    pub(super) place: Prefix,
    pub(super) mode: Mode,
    pub(super) scopes: Scopes,
}

#[derive(Debug, Default)]
pub(super) struct TokenCache {
    slots: Mutex<HashMap<TokenKey, Arc<Slot>>>,
    clock: AtomicU64,
}

impl TokenCache {
    pub(super) fn slot(&self, key: TokenKey) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CAPACITY && !slots.contains_key(&key) {
            let mut ages: Vec<u64> = slots.values().map(|slot| slot.used.load(Ordering::Relaxed)).collect();
            ages.sort_unstable();
            let median = ages[ages.len() / 2];
            // A slot that somebody holds stays, or a second request for its token could start.
            slots.retain(|_, slot| slot.used.load(Ordering::Relaxed) > median || Arc::strong_count(slot) > 1);
        }
        let slot = slots.entry(key).or_default();
        slot.used
            .store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Arc::clone(slot)
    }
}

/// The place of one token. Whoever needs it and does not find it takes a turn; the others wait for that turn's end.
#[derive(Debug, Default)]
pub(super) struct Slot {
    used: AtomicU64,
    attempts: AtomicU64,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Grows with each token, so that a late refusal of an old one does not discard its successor.
    generation: u64,
    token: Option<Token>,
    failure: Option<RegistryError>,
    /// Actions that the registry asked for beyond ours.
    extra: Scopes,
}

/// The right to fetch a token.
pub(super) struct Turn<'a> {
    slot: &'a Slot,
    state: MutexGuard<'a, State>,
    others_tried: bool,
}

impl Slot {
    pub(super) async fn turn(&self) -> Turn<'_> {
        let seen = self.attempts.load(Ordering::Acquire);
        let state = self.state.lock().await;
        Turn {
            slot: self,
            others_tried: self.attempts.load(Ordering::Acquire) != seen,
            state,
        }
    }

    /// Forgets the token of this generation; a newer one stays, unless `extra` names actions that it was not asked for.
    /// Says whether the next token will be another than this one was.
    pub(super) async fn discard(&self, generation: Option<u64>, extra: &Scopes) -> bool {
        let mut state = self.state.lock().await;
        let widened = state.extra.merge(extra);
        let same = generation == Some(state.generation) && state.token.is_some();
        if widened || generation == Some(state.generation) {
            state.token = None;
        }
        widened || !same
    }
}

impl Turn<'_> {
    /// The token, or the failure of whoever had the turn while we waited for it; `None`: it is on us to fetch.
    pub(super) fn ready(&self, now: Instant) -> Option<Result<(Token, u64), RegistryError>> {
        match &self.state.token {
            Some(token) if now < token.refresh_at => Some(Ok((token.clone(), self.state.generation))),
            _ if self.others_tried => self.state.failure.clone().map(Err),
            _ => None,
        }
    }

    /// Everything to ask for: what is wanted, and what the registry said it wants on top.
    pub(super) fn scopes(&self, wanted: &Scopes) -> Scopes {
        let mut scopes = wanted.clone();
        scopes.absorb(&self.state.extra);
        scopes
    }

    pub(super) fn finish(mut self, result: Result<Token, RegistryError>) -> Result<(Token, u64), RegistryError> {
        self.slot.attempts.fetch_add(1, Ordering::Release);
        match result {
            Ok(token) => {
                self.state.generation += 1;
                self.state.failure = None;
                self.state.token = Some(token.clone());
                Ok((token, self.state.generation))
            }
            Err(error) => {
                self.state.token = None;
                self.state.failure = Some(error.clone());
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(body: &str, date: Option<&str>, sent: Instant) -> Result<Token, &'static str> {
        Token::parse(body.as_bytes(), date.map(|date| date.parse().unwrap()), sent)
    }

    fn life(body: &str, date: Option<&str>) -> u64 {
        let sent = Instant::now();
        (token(body, date, sent).unwrap().refresh_at - sent).as_secs()
    }

    fn key(name: &str) -> TokenKey {
        TokenKey {
            origin: url::Url::parse("https://example.com").unwrap().origin(),
            setting: 0,
            place: format!("example.com/{name}").parse().unwrap(),
            mode: Mode::Read,
            scopes: Scopes::pull(&name.parse().unwrap()),
        }
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        assert_eq!(life(r#"{"token":"t"}"#, None), 48);
        assert_eq!(life(r#"{"access_token":"t","expires_in":300}"#, None), 270);
        assert_eq!(life(r#"{"token":"t","expires_in":"300"}"#, None), 270);
        assert_eq!(life(r#"{"token":"t","expires_in":0}"#, None), 48);
        assert_eq!(life(r#"{"token":"t","expires_in":1e300}"#, None), 86_370);
    }

    #[test]
    fn the_age_of_a_stored_token_counts_by_the_servers_own_clock() {
        let stored = r#"{"token":"t","expires_in":300,"issued_at":"2026-11-22T10:00:00Z"}"#;
        assert_eq!(life(stored, None), 270);
        assert_eq!(life(stored, Some("2026-11-22T10:01:40Z")), 170);
        assert_eq!(life(stored, Some("2026-11-22T09:00:00Z")), 270);
        assert_eq!(life(stored, Some("2026-11-23T10:00:00Z")), 0);
    }

    #[test]
    fn answers_without_a_usable_token_are_refused_without_showing_them() {
        let now = Instant::now();
        for body in [
            "<html>",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":"a
b"}"#,
            r#"{"token":7}"#,
        ] {
            assert!(token(body, None, now).is_err(), "{body}");
        }
        assert!(!format!("{:?}", token(r#"{"token":"hunter2"}"#, None, now)).contains("hunter2"));
    }

    #[tokio::test]
    async fn a_late_refusal_of_an_old_token_spares_its_successor() {
        let slot = Slot::default();
        let fetched = || token(r#"{"token":"t"}"#, None, Instant::now()).map_err(|_| unreachable!());
        let (_, first) = slot.turn().await.finish(fetched()).unwrap();
        slot.discard(Some(first), &Scopes::default()).await;
        assert!(slot.turn().await.ready(Instant::now()).is_none());
        slot.turn().await.finish(fetched()).unwrap();
        slot.discard(Some(first), &Scopes::default()).await;
        assert!(slot.turn().await.ready(Instant::now()).is_some());
    }

    #[test]
    fn slots_that_nobody_holds_make_room() {
        let cache = TokenCache::default();
        let held = cache.slot(key("held"));
        for index in 0..CAPACITY {
            cache.slot(key(&format!("r{index}")));
        }
        assert!(cache.slots.lock().unwrap().len() <= CAPACITY);
        assert!(Arc::ptr_eq(&held, &cache.slot(key("held"))));
    }
}
