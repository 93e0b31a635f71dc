//! Who may go now: pace, windows and turns together. Knows no clock and no runtime.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use reqwest::Method;

use super::kinds::Kinds;
use super::named::BudgetLimits;
use super::pace::{Pace, Verdict};
use super::queue::FairQueue;
use super::quota::Quota;
use super::sample::Moment;
use super::window::Window;
use crate::http::options::Concurrency;

/// What kind of request it is. Each kind has a window of its own, and a queue: whoever uploads holds a download, and
/// whoever asks for a manifest may need a token first; a common pool would deadlock once it is full of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A token, which other requests wait for.
    Token,
    Read,
    Write,
    /// A blob being read. It keeps its place until it has been read.
    Download,
    /// A place to write a blob from; each request of it is a [`Self::Part`].
    Upload,
    /// A request by somebody who has a place already.
    Part,
    /// A place to look from at what many write, and to write there right after: whoever has it sends its look as a
    /// [`Self::Read`], and what rests on that as a [`Self::Follow`].
    Turn,
    /// The write of somebody who has a [`Self::Turn`]. It went through the pace when that began, and waits for nothing.
    Follow,
}

impl Lane {
    /// That of a small request.
    #[must_use]
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            _ => Self::Write,
        }
    }

    /// Whether registries that count reads and writes apart count it among the writes.
    pub(super) fn writes(self) -> bool {
        match self {
            Self::Write | Self::Upload | Self::Part | Self::Turn | Self::Follow => true,
            Self::Token | Self::Read | Self::Download => false,
        }
    }
}

const LANES: [Lane; 8] = [
    Lane::Token,
    Lane::Read,
    Lane::Write,
    Lane::Download,
    Lane::Upload,
    Lane::Part,
    Lane::Turn,
    Lane::Follow,
];

/// Who waits together: requests about one repository stand in one line, and the lines are served in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line(u64);

impl Line {
    /// The line of everything that is about `subject`.
    #[must_use]
    pub fn of(subject: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A quota with a reset nearer than this is left to the pace: headers count in whole seconds, and waiting for one of
/// them each time would waste much of it.
const SHORTEST_RESET: Duration = Duration::from_secs(2);
/// Resets are rounded up or down.
const ROUNDING: Duration = Duration::from_millis(500);

/// A budget. `W` is whoever waits.
#[derive(Debug)]
pub(super) struct Gate<W> {
    /// One for everything, or one for reads and one for writes.
    paces: Vec<Pace>,
    kinds: Kinds,
    windows: [Window; LANES.len()],
    waiting: [FairQueue<W>; LANES.len()],
    /// The lane that was served last; the others come first.
    last: usize,
    /// Requests sent whose answers have not come.
    unanswered: u64,
    /// What a quota leaves to be sent until then.
    left: Option<(u64, Moment)>,
}

/// What a look at the queues gave.
#[derive(Debug)]
pub(super) struct Look<W> {
    pub(super) admitted: Vec<(W, Lane)>,
    /// When to look again though nothing happens before.
    pub(super) again: Option<Moment>,
}

impl<W> Gate<W> {
    pub(super) fn new(limits: &BudgetLimits, streams: Concurrency) -> Self {
        let ceiling = limits.requests_per_second;
        let paces = if limits.separate { 2 } else { 1 };
        Self {
            paces: (0..paces).map(|_| Pace::new(ceiling)).collect(),
            kinds: Kinds::default(),
            windows: LANES.map(|lane| match lane {
                Lane::Token | Lane::Read | Lane::Write => Window::new(limits.in_flight),
                Lane::Download => Window::fixed(streams.downloads),
                Lane::Upload => Window::fixed(streams.uploads),
                // Bounded by the uploads: a part that waited for others to end could keep its own upload from ending.
                Lane::Part => Window::fixed(usize::MAX),
                Lane::Turn => Window::fixed(limits.in_flight),
                // Bounded by the turns.
                Lane::Follow => Window::fixed(usize::MAX),
            }),
            waiting: LANES.map(|_| FairQueue::default()),
            last: 0,
            unanswered: 0,
            left: None,
        }
    }

    /// Whether it may go at once. Then it counts as sent.
    pub(super) fn enter(&mut self, now: Moment, lane: Lane) -> bool {
        let index = lane as usize;
        // Nobody overtakes those who wait, though there is room: they were first.
        let free = self.waiting[index].is_empty() && self.windows[index].has_room();
        let goes = free && self.ready(lane) <= now;
        if goes {
            self.send(now, lane);
        }
        goes
    }

    pub(super) fn wait(&mut self, lane: Lane, line: Line, waiter: W) {
        self.waiting[lane as usize].push(line.0, waiter);
    }

    /// How long nothing at all goes in this lane.
    pub(super) fn stopped_for(&self, now: Moment, lane: Lane) -> Duration {
        match lane {
            Lane::Upload => Duration::ZERO,
            _ => {
                let until = self.pace(lane).stopped_until().max(self.kinds.opens(lane));
                until.saturating_sub(now)
            }
        }
    }

    /// Lets in whoever may go now, and is not `gone`. Tokens go first, as others wait for them; then the lanes in turn.
    pub(super) fn look(&mut self, now: Moment, gone: impl Fn(&W) -> bool) -> Look<W> {
        let mut look = Look {
            admitted: Vec::new(),
            again: None,
        };
        loop {
            // Anew after each: what was sent has moved the pace on, and with it the moment at which the others may go.
            look.again = None;
            let order = (0..LANES.len()).map(|step| match step {
                0 => 0,
                // The lanes after the last one served, and it last; the first lane had its chance.
                step => 1 + (self.last + step - 1) % (LANES.len() - 1),
            });
            let mut next = None;
            for index in order {
                if self.waiting[index].is_empty() || !self.windows[index].has_room() {
                    continue;
                }
                let ready = self.ready(LANES[index]);
                if ready <= now {
                    next = Some(index);
                    break;
                }
                look.again = Some(look.again.map_or(ready, |again: Moment| again.min(ready)));
            }
            let Some(index) = next else { return look };
            let Some(waiter) = self.waiting[index].pop() else {
                return look;
            };
            if gone(&waiter) {
                continue;
            }
            self.last = index;
            self.send(now, LANES[index]);
            look.admitted.push((waiter, LANES[index]));
        }
    }

    /// Sends everybody away whose wait would be longer than `patience`, and says how long it would have been.
    pub(super) fn give_up(&mut self, now: Moment, patience: Duration) -> Vec<(W, Duration)> {
        let mut gone = Vec::new();
        for lane in LANES {
            let wait = self.stopped_for(now, lane);
            if wait > patience {
                gone.extend(self.waiting[lane as usize].drain().map(|waiter| (waiter, wait)));
            }
        }
        gone
    }

    /// An answer has come to a request that was sent at `sent_at`, or none will.
    pub(super) fn answered(
        &mut self,
        (lane, sent_at): (Lane, Moment),
        now: Moment,
        verdict: Verdict,
        quota: Option<Quota>,
        jitter: f64,
    ) {
        self.unanswered = self.unanswered.saturating_sub(1);
        let index = self.pace_of(lane);
        let shared = self.paces.len() == 1;
        let pace = &mut self.paces[index];
        let verdict = if shared {
            self.kinds.heard(lane, now, verdict, pace)
        } else {
            verdict
        };
        pace.answered(sent_at, now, verdict, jitter);
        let rate = pace.rate();
        if matches!(lane, Lane::Token | Lane::Read | Lane::Write) {
            self.windows[lane as usize].answered(sent_at, now, verdict, rate);
        }
        if let Some(quota) = quota.filter(|quota| quota.reset >= SHORTEST_RESET) {
            // Those under way have not been counted there yet.
            let left = quota.remaining.saturating_sub(self.unanswered);
            self.left = Some((left, now + quota.reset - ROUNDING));
            self.keep_quota(now, lane);
        }
    }

    /// A place is free again.
    pub(super) fn leave(&mut self, lane: Lane) {
        self.windows[lane as usize].leave();
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.iter().any(|waiting| !waiting.is_empty())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.windows.iter().all(Window::is_idle) && !self.is_awaited()
    }

    fn send(&mut self, now: Moment, lane: Lane) {
        self.windows[lane as usize].enter();
        if lane == Lane::Upload {
            return;
        }
        if lane != Lane::Follow {
            let index = self.pace_of(lane);
            self.paces[index].sent(now);
        }
        if lane == Lane::Turn {
            return;
        }
        self.unanswered += 1;
        if let Some((left, _)) = &mut self.left {
            *left = left.saturating_sub(1);
            self.keep_quota(now, lane);
        }
    }

    /// Stops where nothing is left of a quota.
    fn keep_quota(&mut self, now: Moment, lane: Lane) {
        let index = self.pace_of(lane);
        match self.left {
            Some((_, until)) if until <= now => self.left = None,
            Some((0, until)) => self.paces[index].stop(now, until),
            _ => {}
        }
    }

    /// When something of this lane may go, where its window has room.
    fn ready(&self, lane: Lane) -> Moment {
        match lane {
            // A place to send from; its requests are paced one by one.
            Lane::Upload | Lane::Follow => Moment::ZERO,
            _ => self.pace(lane).next().max(self.kinds.opens(lane)),
        }
    }

    fn pace(&self, lane: Lane) -> &Pace {
        &self.paces[self.pace_of(lane)]
    }

    fn pace_of(&self, lane: Lane) -> usize {
        if lane.writes() { self.paces.len() - 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests;
