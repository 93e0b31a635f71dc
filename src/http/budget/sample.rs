//! What was served lately.

use std::time::Duration;

/// A moment, as the time since the budget was made.
pub(super) type Moment = Duration;

/// A sample tells of the last ten to twenty seconds.
const LENGTH: Duration = Duration::from_secs(10);
/// As many answers make a sample that stands by itself.
const ENOUGH: f64 = 16.0;

/// What was served of the requests sent since a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    start: Moment,
    pub(super) served: f64,
    /// It began with a stretch in which nothing was served.
    pub(super) exhausted: bool,
    /// Time spent sending before the last stop.
    sending: Duration,
    /// The later part, to begin the next sample with.
    middle: Moment,
    later: f64,
}

impl Sample {
    pub(super) fn beginning(now: Moment) -> Self {
        Self {
            start: now,
            middle: now,
            ..Self::default()
        }
    }

    pub(super) fn serve(&mut self, sent_at: Moment) {
        // By when it was sent: a slow answer to a request of an earlier rate says nothing of the present one.
        if sent_at >= self.start {
            self.served += 1.0;
            if sent_at >= self.middle {
                self.later += 1.0;
            }
        }
    }

    /// Sending, which had been taken up at `resumed`, stops.
    pub(super) fn stop(&mut self, now: Moment, resumed: Moment) {
        self.sending += now.saturating_sub(resumed.max(self.start));
    }

    /// The time that has passed since its beginning.
    pub(super) fn passed(&self, now: Moment) -> Duration {
        now.saturating_sub(self.start)
    }

    /// The part of it in which was sent; `resumed` is when that was taken up last, none while it is stopped.
    pub(super) fn sending(&self, now: Moment, resumed: Option<Moment>) -> Duration {
        self.sending + resumed.map_or(Duration::ZERO, |resumed| now.saturating_sub(resumed.max(self.start)))
    }

    pub(super) fn is_enough(&self, now: Moment) -> bool {
        self.served >= ENOUGH || self.passed(now) > 3 * LENGTH
    }

    /// Lets go of what is too old.
    pub(super) fn roll(&mut self, now: Moment, resumed: Moment) {
        if now < self.middle + LENGTH {
            return;
        }
        // A stop must lie within a sample whole.
        if resumed < self.middle {
            self.start = self.middle;
            self.served = self.later;
            self.sending = Duration::ZERO;
            self.exhausted = false;
        }
        self.middle = now;
        self.later = 0.0;
    }
}

/// The most that was served within a second lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Peak {
    start: Moment,
    before: f64,
    current: f64,
}

impl Peak {
    pub(super) fn count(&mut self, now: Moment) {
        let gone = now.saturating_sub(self.start);
        if gone >= Duration::from_secs(1) {
            self.before = if gone < Duration::from_secs(2) {
                self.current
            } else {
                0.0
            };
            self.current = 0.0;
            self.start = now;
        }
        self.current += 1.0;
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        self.before.max(self.current)
    }
}
