//! When to look next.

use std::time::Duration;

use super::RemoteError;

/// How often a remote repository is looked at.
#[derive(Debug, Clone)]
pub struct Polling {
    interval: Duration,
    /// Looks that failed, one after the other.
    failures: u32,
}

/// A host that fails is looked at this seldom at last, or by the interval, where that is longer.
const SELDOM: Duration = Duration::from_secs(15 * 60);

impl Polling {
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// How long to wait after a look. `chance`, from 0 to 1, keeps those who look at one host apart.
    #[must_use]
    pub fn after(&mut self, looked: Result<(), &RemoteError>, chance: f64) -> Duration {
        let Err(error) = looked else {
            self.failures = 0;
            return self.interval.mul_f64(0.9 + 0.2 * chance);
        };
        let longest = SELDOM.max(self.interval);
        let doubled = self.interval.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.mul_f64(0.75 + 0.5 * chance);
        // Whoever asks to be left alone is, and a little longer.
        let asked = error
            .fault
            .retry_after()
            .map(|asked| asked + self.interval.min(SELDOM).mul_f64(0.1 * chance));
        asked.map_or(wait, |asked| asked.max(wait))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Fault;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn failed(fault: Fault) -> RemoteError {
        fault.at(&"https://git.example.com/a")
    }

    fn unreachable() -> RemoteError {
        failed(Fault::Unreachable {
            reason: "refused".to_owned(),
        })
    }

    #[test]
    fn looks_come_by_the_interval_and_ever_more_seldom_while_they_fail() {
        let mut polling = Polling::new(MINUTE);
        assert_eq!(polling.after(Ok(()), 0.5), MINUTE);
        let waits: Vec<u64> = (0..7)
            .map(|_| polling.after(Err(&unreachable()), 0.5).as_secs())
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(polling.after(Ok(()), 0.5), MINUTE);
        assert_eq!(polling.after(Err(&unreachable()), 0.5), MINUTE);
    }

    #[test]
    fn a_host_that_names_a_time_is_left_alone_until_then() {
        let mut polling = Polling::new(MINUTE);
        let throttled = failed(Fault::Throttled {
            retry_after: Some(Duration::from_secs(3_600)),
        });
        for chance in [0.0, 0.5, 1.0] {
            let wait = polling.after(Err(&throttled), chance).as_secs();
            assert!((3_600..3_700).contains(&wait), "{wait}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_asked_sooner_than_a_little_before_the_interval_or_never_again(
            seconds in 1_u64..100_000,
            failures in 0_usize..40,
            chance in 0.0..1.0_f64,
        ) {
            let interval = Duration::from_secs(seconds);
            let mut polling = Polling::new(interval);
            for _ in 0..failures {
                let wait = polling.after(Err(&unreachable()), chance);
                prop_assert!(wait >= interval.mul_f64(0.74) && wait <= SELDOM.max(interval).mul_f64(1.26));
            }
            let wait = polling.after(Ok(()), chance);
            prop_assert!(wait >= interval.mul_f64(0.89) && wait <= interval.mul_f64(1.11));
        }
    }
}
