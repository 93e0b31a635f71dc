//! Credentials that are dear to get: kept until shortly before they end, got by one at a time.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::registry::Credentials;

/// Credentials are got anew this long before their end at the latest, or a fifth of their life before.
const MARGIN: Duration = Duration::from_secs(300);

/// So long whoever asks is told the failure of who asked before.
const FAILURE_LIFE: Duration = Duration::from_secs(5);

/// Where renewal fails before the end, it is tried again after this.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// What was refused is got anew only if it is at least this old: a wrong password would be told again and again.
const FRESH: Duration = Duration::from_secs(10);

/// Credentials, or the knowledge that there are none, and how long that holds.
pub(super) struct Lease {
    pub(super) credentials: Option<Credentials>,
    pub(super) life: Duration,
}

/// The place of one such lease.
#[derive(Default)]
pub(super) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<(Instant, String)>,
}

struct Held {
    credentials: Option<Credentials>,
    since: Instant,
    renew_at: Instant,
    ends_at: Instant,
}

impl Kept {
    /// What is kept, or what `fetch` brings. Whoever comes meanwhile waits and shares it.
    pub(super) async fn get<F>(&self, fetch: impl FnOnce() -> F + Send) -> Result<Option<Credentials>, String>
    where
        F: Future<Output = Result<Lease, String>> + Send,
    {
        let mut state = self.0.lock().await;
        let now = Instant::now();
        match (&state.held, &state.failure) {
            (Some(held), _) if now < held.renew_at => return Ok(held.credentials.clone()),
            (None, Some((at, message))) if now < *at + FAILURE_LIFE => return Err(message.clone()),
            _ => {}
        }
        let fetched = fetch().await;
        let now_after = Instant::now();
        match (fetched, &mut state.held) {
            (Ok(lease), _) => {
                let credentials = lease.credentials.clone();
                state.failure = None;
                state.held = Some(Held {
                    credentials: lease.credentials,
                    since: now_after,
                    renew_at: now + lease.life.saturating_sub(MARGIN.min(lease.life / 5)),
                    ends_at: now + lease.life,
                });
                Ok(credentials)
            }
            (Err(error), Some(held)) if now_after < held.ends_at => {
                tracing::warn!(
                    error,
                    "credentials could not be renewed before their end: they are tried once more"
                );
                held.renew_at = (now_after + RETRY_PAUSE).min(held.ends_at);
                Ok(held.credentials.clone())
            }
            (Err(error), _) => {
                state.held = None;
                state.failure = Some((now_after, error.clone()));
                Err(error)
            }
        }
    }

    /// Lets go of these credentials, which were refused; of no others.
    pub(super) async fn refused(&self, credentials: &Credentials) {
        let mut state = self.0.lock().await;
        if let Some(held) = &state.held
            && held.credentials.as_ref() == Some(credentials)
            && held.since.elapsed() >= FRESH
        {
            state.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::registry::Secret;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Gives `1`, `2`, … for an hour each; fails while `fails` is set.
    #[derive(Default)]
    struct Giver {
        kept: Kept,
        given: AtomicUsize,
        fails: std::sync::atomic::AtomicBool,
    }

    impl Giver {
        async fn ask(&self) -> Result<String, String> {
            let found = self
                .kept
                .get(|| async {
                    sleep(Duration::from_millis(1)).await;
                    let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
                    if self.fails.load(Ordering::SeqCst) {
                        return Err("no answer".to_owned());
                    }
                    Ok(Lease {
                        credentials: Some(token(number)),
                        life: HOUR,
                    })
                })
                .await?;
            match found {
                Some(Credentials::Token(token)) => Ok(token.expose().to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn token(number: usize) -> Credentials {
        Credentials::Token(Secret::new(number.to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_got_for_all_who_ask_and_a_new_one_before_its_end() {
        let giver = Giver::default();
        let answers = join_all((0..8).map(|_| giver.ask())).await;
        assert!(answers.iter().all(|answer| answer.as_deref() == Ok("1")), "{answers:?}");
        advance(HOUR - MARGIN - Duration::from_secs(1)).await;
        assert_eq!(giver.ask().await.unwrap(), "1");
        advance(Duration::from_secs(1)).await;
        assert_eq!(giver.ask().await.unwrap(), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_what_still_holds_and_nothing_after_its_end() {
        let giver = Giver::default();
        giver.ask().await.unwrap();
        giver.fails.store(true, Ordering::SeqCst);
        advance(HOUR - MARGIN).await;
        assert_eq!(giver.ask().await.unwrap(), "1");
        assert_eq!(giver.ask().await.unwrap(), "1");
        assert_eq!(giver.given.load(Ordering::SeqCst), 2, "not with every request");
        advance(MARGIN).await;
        assert_eq!(giver.ask().await.unwrap_err(), "no answer");
        giver.fails.store(false, Ordering::SeqCst);
        advance(FAILURE_LIFE).await;
        assert_eq!(giver.ask().await.unwrap(), "4");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_shares_a_failure() {
        let giver = Giver::default();
        giver.fails.store(true, Ordering::SeqCst);
        let answers = join_all((0..8).map(|_| giver.ask())).await;
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(giver.given.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_got_anew_unless_it_is_fresh_or_gone_already() {
        let giver = Giver::default();
        giver.ask().await.unwrap();
        giver.kept.refused(&token(1)).await;
        assert_eq!(giver.ask().await.unwrap(), "1", "asking again at once would not help");
        advance(FRESH).await;
        giver.kept.refused(&token(1)).await;
        assert_eq!(giver.ask().await.unwrap(), "2");
        advance(FRESH).await;
        giver.kept.refused(&token(1)).await;
        assert_eq!(giver.ask().await.unwrap(), "2");
    }
}
