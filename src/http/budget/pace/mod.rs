//! How fast requests may go: a rate that is learned from what the other side refuses.
//!
//! Nothing slows requests down until one is refused. From then on they go at a steady rate. Who counts requests (by
//! tokens that are saved up to some number, by windows of time) has none left when it refuses; so from one refusal to
//! the next it has served N for each second of the time between, less what could not be saved up while less than N was
//! sent. What was served by the time that has passed is therefore never more than N. How much less it is shows when the
//! rate grows: is the next refusal met with as much served by time as before, though at another rate, then nothing was
//! lost and this is N; else little is saved up, and N is about the rate that was refused.
//!
//! So a search climbs from below, in steps that grow, until it knows; then the rate holds a little below N, for long in
//! proportion to what a refusal costs, and probes: a percent more each round, so that what was saved up is used up
//! before the excess is large; faster only when nothing is refused for long. (TCP's CUBIC and BBR hold and probe
//! likewise. A rate that is only cut by a third and grown again, as the adaptive retries of cloud clients do it, leaves
//! a tenth of N unused.)

use std::time::Duration;

use super::sample::{Moment, Peak, Sample};

/// What an answer says about the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let through, whatever the answer was.
    Served,
    /// Refused for being one too many; come back after this time, where one was named.
    Refused(Option<Duration>),
    /// No answer: says nothing.
    Unknown,
}

/// Below a measured rate, so that its error refuses nothing.
const MARGIN: f64 = 0.98;
/// The same for a rate that is only known to lie between two that are close.
const WIDE_MARGIN: f64 = 0.97;
/// Two rates are close if they differ by less than this factor.
const CLOSE: f64 = 1.12;
/// What the first round of a search adds; by how much that grows each round; and the most a round multiplies by.
const SEARCH_STEP: f64 = 0.05;
/// The same for the very first search, which begins from what one second gave.
const FIRST_SEARCH_STEP: f64 = 0.2;
const FASTER: f64 = 1.5;
const FASTEST: f64 = 2.0;
/// How unlike, as a logarithm, the rates at the end of two samples must be for their agreement to mean anything.
const UNLIKE: f64 = 0.25;
/// A shorter time spent sending proves nothing.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
/// How much longer than the stop that a refusal has cost nothing is tried.
const HOLD: u32 = 40;
const SHORTEST_HOLD: Duration = Duration::from_secs(10);
const LONGEST_HOLD: Duration = Duration::from_secs(1800);
/// What a round of probing adds, as a part of the rate that was held.
const STEP: f64 = 0.01;
/// After as many rounds of probing the steps grow.
const STEADY_STEPS: i32 = 20;
const STEP_GROWTH: f64 = 1.1;
/// A round has at least as many requests, and lasts at least as long.
const ROUND_REQUESTS: f64 = 5.0;
const ROUND_TIME: Duration = Duration::from_secs(1);
/// A round that used this part of the rate wanted all of it.
const FULL: f64 = 0.8;
/// The least that one refusal leaves of a rate.
const DEEPEST_CUT: f64 = 0.4;
/// Requests a second. A registry that refuses one kind of request and serves the others must not bring these to a halt;
/// what is allowed less often than this is refused now and then, and waits for as long as the refusal says.
const LOWEST: f64 = 1.0;
/// As much time may be made up for after a timer that came late.
const SLACK: Duration = Duration::from_millis(5);
/// The mean first pause after a refusal that names no time is half of this; it doubles while nothing is served.
const BACK_OFF: Duration = Duration::from_millis(200);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(8);
/// After refusals in a row, the shortest time before a second request follows the first.
const LOOK_AHEAD: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Requests a second that were configured as the most.
    ceiling: f64,
    /// Requests a second; infinite as long as nothing was refused.
    rate: f64,
    next: Moment,
    stopped_until: Moment,
    /// When this stop began, of which the first requests after it have not been sent yet.
    stopping: Option<Moment>,
    /// When the last stop ended.
    resumed: Moment,
    /// Refusals of requests that were sent before are no news.
    reacted: Moment,
    /// Refusals since anything was served.
    in_a_row: u32,
    growth: Growth,
    /// A rate of which a whole round was served since the last refusal.
    passed: f64,
    /// What the sample before said.
    before: Option<Evidence>,
    round: Round,
    sample: Sample,
    peak: Peak,
    /// Seconds from sending to the answer, smoothed.
    latency: f64,
}

#[derive(Debug, Clone, Copy)]
enum Growth {
    /// Up from a rate that may be far too low.
    Search { factor: f64 },
    /// At a rate that seems right: until then, or where that is `sure` for longer after a costly refusal. `cuts` counts
    /// refusals that came soon after another.
    Hold { until: Moment, cuts: u32, sure: bool },
    /// Beyond it.
    Probe { held: f64, steps: i32 },
}

impl Growth {
    const SEARCH: Self = Self::Search {
        factor: 1.0 + SEARCH_STEP,
    };

    fn hold(now: Moment) -> Self {
        Self::Hold {
            until: now + SHORTEST_HOLD,
            cuts: 0,
            sure: true,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Round {
    start: Moment,
    sent: f64,
}

/// What a refusal tells, with the sample that it ends. Rates are requests a second.
#[derive(Debug, Clone, Copy)]
struct Evidence {
    /// The rate that was refused.
    refused: f64,
    /// What was served by the time that has passed: no more than is allowed.
    least: f64,
    passed: Duration,
    /// The part of the time in which was sent.
    sending: Duration,
    exhausted: bool,
}

impl Pace {
    /// `ceiling`: requests a second that are never exceeded.
    pub(super) fn new(ceiling: Option<f64>) -> Self {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        Self {
            ceiling,
            rate: ceiling,
            next: Duration::ZERO,
            stopped_until: Duration::ZERO,
            stopping: None,
            resumed: Duration::ZERO,
            reacted: Duration::ZERO,
            in_a_row: 0,
            growth: Growth::hold(Duration::ZERO),
            passed: 0.0,
            before: None,
            round: Round::default(),
            sample: Sample::default(),
            peak: Peak::default(),
            latency: 0.0,
        }
    }

    /// When the next request may go.
    pub(super) fn next(&self) -> Moment {
        self.next.max(self.stopped_until)
    }

    /// Until when nothing goes at all.
    pub(super) fn stopped_until(&self) -> Moment {
        self.stopped_until
    }

    /// Requests a second; infinite where nothing slows them down.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// A request goes now.
    pub(super) fn sent(&mut self, now: Moment) {
        if let Some(began) = self.stopping.take() {
            self.resumed = now;
            if let Growth::Hold { until, sure: true, .. } = &mut self.growth {
                let cost = now.saturating_sub(began) * HOLD;
                *until = now + cost.clamp(SHORTEST_HOLD, LONGEST_HOLD);
            }
            self.round = Round { start: now, sent: 0.0 };
        }
        let mut slot = seconds(1.0 / self.rate);
        if self.in_a_row > 1 {
            // One goes ahead and sees.
            slot = slot.max(seconds(2.0 * self.latency)).max(LOOK_AHEAD);
        }
        self.next = self.next.max(now.saturating_sub(SLACK)) + slot;
        if self.rate.is_infinite() {
            return;
        }
        self.round.sent += 1.0;
        let enough = ROUND_TIME
            .max(seconds(ROUND_REQUESTS / self.rate))
            .max(seconds(2.0 * self.latency));
        let lasted = now.saturating_sub(self.round.start);
        if lasted >= enough {
            if self.round.sent >= FULL * self.rate * lasted.as_secs_f64() {
                self.grow(now);
            } else {
                // Nobody wanted more: what was served says nothing of what would have been.
                self.sample = Sample::beginning(now);
            }
            self.round = Round { start: now, sent: 0.0 };
        }
        self.sample.roll(now, self.resumed);
    }

    /// What came of the request that was sent at `sent_at`. `jitter`, between 0 and 1, tells clients that were refused
    /// together apart.
    pub(super) fn answered(&mut self, sent_at: Moment, now: Moment, verdict: Verdict, jitter: f64) {
        match verdict {
            Verdict::Unknown => {}
            Verdict::Served => {
                self.in_a_row = 0;
                let took = now.saturating_sub(sent_at).as_secs_f64();
                self.latency += (took - self.latency) / 16.0;
                self.sample.serve(sent_at);
                if self.rate.is_infinite() {
                    self.peak.count(now);
                    self.sample.roll(now, self.resumed);
                }
            }
            Verdict::Refused(retry_after) => {
                let news = sent_at >= self.reacted;
                if news {
                    self.learn(sent_at);
                    self.reacted = now;
                }
                let most = BACK_OFF * 2_u32.saturating_pow(self.in_a_row.saturating_sub(1).min(16));
                let back_off = most.min(LONGEST_BACK_OFF).mul_f64(jitter);
                let pause = match retry_after {
                    // Everybody was told the same moment; and some name a second whatever is to come.
                    Some(asked) if self.in_a_row > 2 => asked + back_off,
                    Some(asked) => asked + seconds(jitter / self.rate).min(asked / 10),
                    None if news => back_off,
                    None => return,
                };
                self.stop(now, now + pause);
            }
        }
    }

    /// Nothing goes before `until`.
    pub(super) fn stop(&mut self, now: Moment, until: Moment) {
        if until <= self.stopped_until.max(now) {
            return;
        }
        self.stopped_until = until;
        if self.stopping.is_none() {
            self.stopping = Some(now);
            self.sample.stop(now, self.resumed);
        }
    }

    /// A request sent at this moment was refused: what does that say of the rate?
    fn learn(&mut self, sent_at: Moment) {
        self.in_a_row += 1;
        if self.sample.served < 1.0 {
            // Come back too early. Of the rate it says nothing; but who serves not even one after a while counts by long
            // stretches of time, and loses nothing of them.
            self.sample.exhausted |= self.in_a_row > 3;
            return;
        }
        let passed = self.sample.passed(sent_at);
        let evidence = Evidence {
            refused: self.rate,
            least: self.sample.served / passed.max(ROUND_TIME).as_secs_f64(),
            passed,
            sending: self
                .sample
                .sending(sent_at, self.stopping.is_none().then_some(self.resumed)),
            exhausted: self.sample.exhausted,
        };
        let (rate, growth) = self.conclude(&evidence, sent_at);
        self.rate = rate.max(LOWEST).min(self.ceiling);
        self.growth = growth;
        self.passed = 0.0;
        if passed >= ROUND_TIME && self.sample.is_enough(sent_at) {
            self.before = Some(evidence);
            self.sample = Sample::beginning(sent_at);
        }
        self.next = self.next.max(sent_at);
        self.round = Round {
            start: sent_at,
            sent: 0.0,
        };
    }

    /// The rate to go on with, and how.
    fn conclude(&self, evidence: &Evidence, now: Moment) -> (f64, Growth) {
        let &Evidence {
            refused, least, passed, ..
        } = evidence;
        let hold = Growth::hold(now);
        if refused.is_infinite() {
            let factor = 1.0 + FIRST_SEARCH_STEP;
            return (least.min(self.peak.rate()), Growth::Search { factor });
        }
        if evidence.exhausted && passed >= ROUND_TIME {
            let again = self.before.is_some_and(|before| close(least, before.least));
            return (least * MARGIN, if again { hold } else { Growth::SEARCH });
        }
        let lower = least.min(refused * 0.9).max(refused * DEEPEST_CUT);
        match self.growth {
            Growth::Search { .. } if least < refused && self.is_confirmed(evidence) => {
                let sure = passed.as_secs_f64() < evidence.sending.as_secs_f64() * CLOSE;
                let until = now + SHORTEST_HOLD;
                (least * MARGIN, Growth::Hold { until, cuts: 0, sure })
            }
            Growth::Search { .. } if self.passed > 0.0 => {
                let between = self.passed.max(least).min(refused);
                if refused <= self.passed * CLOSE {
                    ((between * refused).sqrt() * WIDE_MARGIN, hold)
                } else {
                    (least.max(self.passed * 0.9).min(refused), Growth::SEARCH)
                }
            }
            Growth::Search { .. } if passed < 2 * ROUND_TIME => (refused * 0.8, Growth::SEARCH),
            Growth::Search { .. } => (lower, Growth::SEARCH),
            Growth::Probe { held, .. } if refused <= held * CLOSE => (held.max(self.passed * WIDE_MARGIN), hold),
            Growth::Probe { held, .. } => (held.max(self.passed * 0.94), hold),
            Growth::Hold { cuts: 3.., .. } => (lower, Growth::SEARCH),
            Growth::Hold { cuts, .. } => {
                let cuts = if evidence.sending < LONG_ENOUGH { cuts + 1 } else { 0 };
                let until = now + SHORTEST_HOLD;
                let rate = least.clamp(refused * 0.92, refused * MARGIN);
                (
                    rate,
                    Growth::Hold {
                        until,
                        cuts,
                        sure: true,
                    },
                )
            }
        }
    }

    /// Whether as much was served by time as in the sample before, though at quite another rate.
    fn is_confirmed(&self, evidence: &Evidence) -> bool {
        evidence.sending >= LONG_ENOUGH
            && self.before.is_some_and(|before| {
                close(evidence.least, before.least) && (evidence.refused / before.refused).ln().abs() > UNLIKE
            })
    }

    fn grow(&mut self, now: Moment) {
        self.passed = self.rate;
        match &mut self.growth {
            Growth::Search { factor } => {
                self.rate *= *factor;
                *factor = (1.0 + (*factor - 1.0) * FASTER).min(FASTEST);
            }
            Growth::Hold { until, .. } if now >= *until => {
                self.growth = Growth::Probe {
                    held: self.rate,
                    steps: 0,
                };
            }
            Growth::Hold { .. } => {}
            Growth::Probe { held, steps } => {
                *steps += 1;
                let step = *held * STEP * STEP_GROWTH.powi((*steps - STEADY_STEPS).max(0));
                self.rate += step;
            }
        }
        self.rate = self.rate.min(self.ceiling);
    }
}

fn close(a: f64, b: f64) -> bool {
    a < b * CLOSE && b < a * CLOSE
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests;
