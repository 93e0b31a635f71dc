//! Repeating what may be repeated.

use std::time::Duration;

use tokio::time::Instant;

use super::options::RetryPolicy;

/// The repetitions that one question may still use, on its way through redirects, tokens and bodies.
#[derive(Debug)]
pub struct Retries {
    left: u32,
    pause: Duration,
    refusals: u32,
    /// No repetition after a refusal begins later.
    until: Instant,
}

impl Retries {
    #[must_use]
    pub fn new(policy: &RetryPolicy) -> Self {
        Self {
            left: policy.attempts,
            pause: policy.pause,
            refusals: policy.refusals,
            until: Instant::now() + policy.patience,
        }
    }

    /// For what must not be done twice: a refusal is no deed.
    #[must_use]
    pub fn of_refusals(policy: &RetryPolicy) -> Self {
        Self {
            left: 0,
            ..Self::new(policy)
        }
    }

    /// For what must not be sent twice.
    #[must_use]
    pub fn none() -> Self {
        Self {
            left: 0,
            pause: Duration::ZERO,
            refusals: 0,
            until: Instant::now(),
        }
    }

    /// Whether what was refused may be sent once more. The budget makes it wait.
    pub(super) fn after_refusal(&mut self) -> bool {
        let again = self.refusals > 0 && Instant::now() < self.until;
        self.refusals = self.refusals.saturating_sub(1);
        again
    }

    /// Waits for its turn and says `true`, or says `false` at once when no repetition is left.
    pub async fn again(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        // Jitter, so that clients that failed together do not come back together.
        let pause = self.pause.mul_f64(rand::random_range(0.5..1.5));
        self.pause *= 2;
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repetitions_are_counted_and_their_pauses_grow() {
        let policy = RetryPolicy::default();
        let mut retries = Retries::new(&policy);
        let start = tokio::time::Instant::now();
        assert!(retries.again().await);
        let first = start.elapsed();
        assert!(first >= policy.pause / 2 && first < policy.pause * 2);
        assert!(retries.again().await);
        assert!(start.elapsed() - first >= policy.pause);
        assert!(!retries.again().await);
        assert!(!Retries::none().again().await);
    }

    #[tokio::test(start_paused = true)]
    async fn repetitions_after_refusals_are_bounded_in_number_and_time() {
        let policy = RetryPolicy::default();
        let mut retries = Retries::of_refusals(&policy);
        assert!(!retries.again().await);
        assert!((0..policy.refusals).all(|_| retries.after_refusal()));
        assert!(!retries.after_refusal());
        let mut late = Retries::new(&policy);
        tokio::time::advance(policy.patience).await;
        assert!(!late.after_refusal());
        assert!(!Retries::none().after_refusal());
    }
}
