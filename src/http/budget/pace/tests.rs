//! The pace against simulated registries, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::*;

/// Numbers that look random, the same in every run.
struct Seeded(u64);

impl Seeded {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How a registry counts.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// Saves up as many seconds' worth.
    Bucket(f64),
    /// So many seconds' worth in each stretch of as many seconds.
    FixedWindow(f64),
    /// The same, in any stretch.
    SlidingWindow(f64),
}

#[derive(Debug, Clone, Copy)]
struct Scenario {
    /// Requests a second that are allowed.
    allowed: f64,
    counting: Counting,
    /// From sending to the answer.
    latency: f64,
    /// What the registry says with a refusal.
    retry_after: Option<u64>,
    /// What is allowed from a quarter of the time on.
    then: f64,
    length: f64,
}

struct Limiter {
    counting: Counting,
    tokens: f64,
    at: f64,
    recent: VecDeque<f64>,
}

impl Limiter {
    fn new(counting: Counting, allowed: f64) -> Self {
        let tokens = match counting {
            Counting::Bucket(burst) => (burst * allowed).max(1.0),
            _ => 0.0,
        };
        Self {
            counting,
            tokens,
            at: 0.0,
            recent: VecDeque::new(),
        }
    }

    fn admits(&mut self, now: f64, allowed: f64) -> bool {
        match self.counting {
            Counting::Bucket(burst) => {
                self.tokens = (self.tokens + (now - self.at) * allowed).min((burst * allowed).max(1.0));
                self.at = now;
                if self.tokens < 1.0 {
                    return false;
                }
                self.tokens -= 1.0;
                true
            }
            Counting::FixedWindow(length) => {
                if (now / length).floor() > (self.at / length).floor() {
                    self.tokens = 0.0;
                }
                self.at = now;
                self.tokens += 1.0;
                self.tokens <= (allowed * length).floor()
            }
            Counting::SlidingWindow(length) => {
                while self.recent.front().is_some_and(|first| *first <= now - length) {
                    self.recent.pop_front();
                }
                if self.recent.len() as f64 >= (allowed * length).floor() {
                    return false;
                }
                self.recent.push_back(now);
                true
            }
        }
    }
}

/// What part of the allowed was used, and what part of the answers were refusals, in the last half of the time.
#[derive(Debug, Clone, Copy)]
struct Settled {
    used: f64,
    refused: f64,
}

/// Something that happens, in microseconds.
type Event = Reverse<(u64, u64, What)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A request that was sent then reaches the registry.
    Arrival {
        sent_at: u64,
    },
    Answer {
        sent_at: u64,
        served: bool,
    },
}

/// Somebody who always has more to ask.
fn play(scenario: Scenario, seed: u64) -> Settled {
    /// A timer's.
    const GRAIN: f64 = 0.001;
    let mut random = Seeded(seed * 7919 + 1);
    let mut pace = Pace::new(None);
    let mut limiter = Limiter::new(scenario.counting, scenario.allowed);
    let moment = Duration::from_secs_f64;
    let micros = |seconds: f64| (seconds * 1e6) as u64;
    let mut now = 0.0_f64;
    let (mut under_way, mut window, mut number) = (0, 16, 0);
    let mut events: BinaryHeap<Event> = BinaryHeap::new();
    let (mut served, mut refused) = (0.0, 0.0);
    while now < scenario.length {
        while under_way < window && pace.next() <= moment(now) {
            pace.sent(moment(now));
            under_way += 1;
            number += 1;
            let arrives = now + scenario.latency * (0.475 + 0.05 * random.next());
            events.push(Reverse((
                micros(arrives),
                number,
                What::Arrival { sent_at: micros(now) },
            )));
        }
        let timer = if under_way < window {
            ((pace.next().as_secs_f64() / GRAIN).ceil() * GRAIN).max(now + 1e-6)
        } else {
            f64::INFINITY
        };
        let event = events
            .peek()
            .map_or(f64::INFINITY, |Reverse((at, ..))| *at as f64 / 1e6);
        if timer <= event {
            now = timer;
            continue;
        }
        let Some(Reverse((at, id, what))) = events.pop() else {
            break;
        };
        now = now.max(at as f64 / 1e6);
        match what {
            What::Arrival { sent_at } => {
                let allowed = if now < scenario.length / 4.0 {
                    scenario.allowed
                } else {
                    scenario.then
                };
                let admitted = limiter.admits(now, allowed);
                if now >= scenario.length / 2.0 {
                    *if admitted { &mut served } else { &mut refused } += 1.0;
                }
                let back = now + scenario.latency * (0.475 + 0.05 * random.next());
                events.push(Reverse((
                    micros(back),
                    id,
                    What::Answer {
                        sent_at,
                        served: admitted,
                    },
                )));
            }
            What::Answer { sent_at, served } => {
                under_way -= 1;
                window += usize::from(served && window < 2048);
                let verdict = match served {
                    true => Verdict::Served,
                    false => Verdict::Refused(scenario.retry_after.map(Duration::from_secs)),
                };
                pace.answered(Duration::from_micros(sent_at), moment(now), verdict, random.next());
            }
        }
    }
    Settled {
        used: served / (scenario.then * scenario.length / 2.0),
        refused: refused / f64::max(served + refused, 1.0),
    }
}

/// Plays everything, and names what misses the mark.
fn judge(scenarios: impl Iterator<Item = Scenario>, used: f64, refused: f64) {
    let missed: Vec<String> = scenarios
        .filter_map(|scenario| {
            let settled = play(scenario, 1);
            (settled.used < used || settled.refused > refused).then(|| format!("{scenario:?}: {settled:?}"))
        })
        .collect();
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

fn each<'a, T: Copy>(values: &'a [T]) -> impl Iterator<Item = T> + Clone + use<'a, T> {
    values.iter().copied()
}

const COUNTINGS: [Counting; 5] = [
    Counting::Bucket(0.5),
    Counting::Bucket(1.0),
    Counting::Bucket(5.0),
    Counting::FixedWindow(1.0),
    Counting::SlidingWindow(1.0),
];

#[test]
fn nine_tenths_of_what_is_allowed_are_used_and_one_answer_in_fifty_is_a_refusal_at_most() {
    let scenarios = each(&[5.0, 8.0, 23.0, 100.0, 500.0]).flat_map(|allowed| {
        each(&[0.001, 0.02, 0.1, 0.5]).flat_map(move |latency| {
            each(&COUNTINGS).flat_map(move |counting| {
                each(&[None, Some(1)]).map(move |retry_after| Scenario {
                    allowed,
                    counting,
                    latency,
                    retry_after,
                    then: allowed,
                    length: 180.0,
                })
            })
        })
    });
    judge(scenarios, 0.9, 0.02);
}

#[test]
fn a_slow_registry_and_a_long_retry_after_cost_time_and_not_many_refusals() {
    let slow = each(&[5.0, 23.0, 100.0, 500.0]).flat_map(|allowed| {
        each(&COUNTINGS).flat_map(move |counting| {
            each(&[(2.0, None), (2.0, Some(1)), (0.02, Some(5))]).map(move |(latency, retry_after)| Scenario {
                allowed,
                counting,
                latency,
                retry_after,
                then: allowed,
                length: 480.0,
            })
        })
    });
    judge(slow, 0.8, 0.03);
}

#[test]
fn a_limit_that_changes_is_found_again() {
    let scenarios = each(&[(10.0, 100.0), (100.0, 10.0), (500.0, 50.0), (20.0, 400.0)]).flat_map(|(allowed, then)| {
        each(&[None, Some(1)]).map(move |retry_after| Scenario {
            allowed,
            counting: Counting::Bucket(1.0),
            latency: 0.02,
            retry_after,
            then,
            length: 480.0,
        })
    });
    judge(scenarios, 0.9, 0.02);
}
