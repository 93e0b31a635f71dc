//! How many requests may be under way at once.

use std::time::Duration;

use super::pace::Verdict;
use super::sample::Moment;

/// Where every window begins.
const START: f64 = 16.0;
/// What one refusal leaves of it.
const CUT: f64 = 0.7;
/// Beyond this multiple of the quickest answers' time more requests at once only wait for each other.
const SLOWER: f64 = 4.0;
/// The quickest answer is that of the last one to two such times.
const MEMORY: Duration = Duration::from_secs(30);

/// Grows while it is used to the full and answers come about as quickly as ever: by one for each answer until the first
/// refusal, then by one for each time it goes round; a refusal cuts it (additive increase, multiplicative decrease).
#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    most: f64,
    under_way: usize,
    /// Refusals of requests that were sent before are no news.
    reacted: Moment,
    refused: bool,
    /// Seconds to an answer, smoothed.
    latency: f64,
    /// The least seconds to an answer, in this time and in the one before.
    quickest: f64,
    quickest_before: f64,
    since: Moment,
}

impl Window {
    /// `most`: what it never grows beyond.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        Self {
            size: START.min(most),
            most,
            under_way: 0,
            reacted: Duration::ZERO,
            refused: false,
            latency: 0.0,
            quickest: f64::INFINITY,
            quickest_before: f64::INFINITY,
            since: Duration::ZERO,
        }
    }

    /// One that stays as large as it is.
    pub(super) fn fixed(size: usize) -> Self {
        Self {
            size: size.max(1) as f64,
            ..Self::new(size)
        }
    }

    pub(super) fn has_room(&self) -> bool {
        (self.under_way as f64) < self.size.floor()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    pub(super) fn enter(&mut self) {
        self.under_way += 1;
    }

    pub(super) fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What came of a request that was sent at `sent_at` and is still under way. `rate`: requests a second that are
    /// allowed, as far as is known; a window that is too small for it would only slow it down.
    pub(super) fn answered(&mut self, sent_at: Moment, now: Moment, verdict: Verdict, rate: f64) {
        match verdict {
            Verdict::Unknown => {}
            Verdict::Served => {
                let took = now.saturating_sub(sent_at).as_secs_f64();
                // Smoothed, so that one slow answer does not stop the growth.
                self.latency += (took - self.latency) / 16.0;
                if now >= self.since + MEMORY {
                    self.quickest_before = std::mem::replace(&mut self.quickest, took);
                    self.since = now;
                }
                self.quickest = self.quickest.min(took);
                let quickest = self.quickest.min(self.quickest_before);
                let full = self.under_way as f64 >= 0.9 * self.size.floor();
                if full && self.size < self.most && self.latency <= SLOWER * quickest {
                    self.size = (self.size + if self.refused { self.size.recip() } else { 1.0 }).min(self.most);
                }
            }
            Verdict::Refused(_) if sent_at >= self.reacted => {
                self.reacted = now;
                self.refused = true;
                let needed = if rate.is_finite() {
                    1.5 * rate * self.latency
                } else {
                    0.0
                };
                self.size = (self.size * CUT).max(needed.min(self.size)).max(1.0);
            }
            Verdict::Refused(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers to as many requests at once as there is room for, each after `latency` of how many there are.
    fn rounds(window: &mut Window, count: u32, start: Moment, latency: impl Fn(usize) -> Duration) -> usize {
        let mut now = start;
        for _ in 0..count {
            let mut sent = 0;
            while window.has_room() {
                window.enter();
                sent += 1;
            }
            let then = now + latency(sent);
            for _ in 0..sent {
                window.answered(now, then, Verdict::Served, f64::INFINITY);
            }
            (0..sent).for_each(|_| window.leave());
            now = then;
        }
        window.size as usize
    }

    const QUICK: Duration = Duration::from_millis(50);

    #[test]
    fn a_window_grows_to_its_most_while_answers_stay_quick() {
        let mut window = Window::new(200);
        assert_eq!(rounds(&mut window, 30, QUICK, |_| QUICK), 200);
        assert_eq!(rounds(&mut Window::fixed(8), 20, QUICK, |_| QUICK), 8);
        assert_eq!(Window::new(4).size, 4.0);
    }

    #[test]
    fn more_at_once_that_only_wait_for_each_other_are_not_sent() {
        // Ten a time; the others wait.
        let queued = |sent: usize| QUICK * u32::try_from(sent.div_ceil(10)).unwrap();
        let size = rounds(&mut Window::new(1000), 50, QUICK, queued);
        assert!((16..120).contains(&size), "{size}");
    }

    #[test]
    fn refusals_cut_once_a_round_and_growth_is_slow_from_then_on() {
        let mut window = Window::new(1000);
        rounds(&mut window, 4, QUICK, |_| QUICK);
        let before = window.size;
        let now = Duration::from_secs(1);
        for _ in 0..10 {
            window.answered(Duration::from_millis(900), now, Verdict::Refused(None), f64::INFINITY);
        }
        assert_eq!(window.size, before * CUT);
        let cut = window.size as usize;
        assert!(rounds(&mut window, 3, now, |_| QUICK) <= cut + 4);
        for second in 2..40 {
            let now = Duration::from_secs(second);
            window.answered(now, now, Verdict::Refused(None), f64::INFINITY);
        }
        assert_eq!(window.size, 1.0);
        assert!(window.has_room());
    }

    #[test]
    fn a_cut_leaves_what_the_allowed_rate_needs() {
        let mut window = Window::new(1000);
        rounds(&mut window, 30, QUICK, |_| Duration::from_secs(1));
        let now = Duration::from_secs(100);
        window.answered(now, now, Verdict::Refused(None), 400.0);
        assert!(window.size >= 400.0, "{}", window.size);
    }
}
