//! A budget in time: waiting for a place, and giving it back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gate::{Gate, Lane, Line};
use super::named::BudgetLimits;
use super::pace::Verdict;
use super::quota::quota;
use super::sample::Moment;
use crate::http::options::Concurrency;
use crate::http::retry_after::retry_after;

/// The other side wants to be left alone for longer than is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Refused {
    pub(in crate::http) retry_after: Duration,
}

type Waiter = oneshot::Sender<Result<Place, Refused>>;

/// One budget.
#[derive(Debug)]
pub(super) struct HostBudget {
    began: Instant,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    gate: Gate<Waiter>,
    /// When the timer that runs will look.
    timer: Option<Moment>,
}

/// A place in a budget, free again when dropped.
#[derive(Debug)]
pub struct Place {
    budget: Arc<HostBudget>,
    lane: Lane,
    sent_at: Moment,
    /// Whether the budget knows what came of the request.
    told: bool,
}

impl HostBudget {
    pub(super) fn new(limits: &BudgetLimits, streams: Concurrency, patience: Duration) -> Self {
        Self {
            began: Instant::now(),
            patience,
            state: Mutex::new(State {
                gate: Gate::new(limits, streams),
                timer: None,
            }),
        }
    }

    /// Waits for a place; with one, the request counts as sent.
    pub(super) async fn acquire(self: Arc<Self>, lane: Lane, line: Line) -> Result<Place, Refused> {
        let arrival = {
            let mut state = self.lock();
            let now = self.now();
            let stop = state.gate.stopped_for(now, lane);
            // What rests on a look is not kept until that is old.
            let patience = if lane == Lane::Follow {
                Duration::ZERO
            } else {
                self.patience
            };
            if stop > patience {
                return Err(Refused { retry_after: stop });
            }
            if state.gate.enter(now, lane) {
                drop(state);
                return Ok(self.place(lane, now));
            }
            let (waiter, arrival) = oneshot::channel();
            state.gate.wait(lane, line, waiter);
            arrival
        };
        // It may be the only one who waits, and then nobody else would set the timer.
        self.look();
        // The waiter is dropped unheard only with the budget, which this future holds.
        arrival.await.unwrap_or(Err(Refused {
            retry_after: Duration::ZERO,
        }))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lock().gate.is_idle()
    }

    /// Lets in whoever may go, and sees to it that somebody looks again when the next may.
    fn look(self: &Arc<Self>) {
        let (admitted, now) = {
            let mut state = self.lock();
            let now = self.now();
            let look = state.gate.look(now, Waiter::is_closed);
            if let Some(again) = look.again {
                self.set_timer(&mut state, again);
            }
            (look.admitted, now)
        };
        for (waiter, lane) in admitted {
            // A place that nobody waits for any more is dropped here, and so passed on.
            let _ = waiter.send(Ok(self.place(lane, now)));
        }
    }

    fn set_timer(self: &Arc<Self>, state: &mut State, at: Moment) {
        if state.timer.is_some_and(|set| set <= at) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        state.timer = Some(at);
        runtime.spawn(timer(Arc::downgrade(self), self.began + at, at));
    }

    fn place(self: &Arc<Self>, lane: Lane, sent_at: Moment) -> Place {
        Place {
            budget: Arc::clone(self),
            lane,
            sent_at,
            // A place for an upload, or a turn, sends nothing itself: its parts are what is answered.
            told: matches!(lane, Lane::Upload | Lane::Turn),
        }
    }

    fn now(&self) -> Moment {
        self.began.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks when the time has come, unless an earlier timer has done so.
async fn timer(budget: Weak<HostBudget>, until: Instant, at: Moment) {
    tokio::time::sleep_until(until).await;
    if let Some(budget) = budget.upgrade() {
        let mut state = budget.lock();
        if state.timer == Some(at) {
            state.timer = None;
        }
        drop(state);
        budget.look();
    }
}

impl Place {
    /// Tells the budget how the request was answered, and how long that stops it.
    pub(in crate::http) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        let now = Timestamp::now();
        let verdict = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Verdict::Refused(retry_after(headers, now))
            }
            _ => Verdict::Served,
        };
        self.tell(verdict, Some((headers, now)));
    }

    /// Whether the budget is stopped for no longer than is waited for.
    pub(in crate::http) fn is_worth_waiting(&self) -> bool {
        let now = self.budget.now();
        self.budget.lock().gate.stopped_for(now, self.lane) <= self.budget.patience
    }

    fn tell(&mut self, verdict: Verdict, headers: Option<(&HeaderMap, Timestamp)>) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let quota = headers.and_then(|(headers, now)| quota(headers, now));
        let budget = &self.budget;
        let gone = {
            let mut state = budget.lock();
            let now = budget.now();
            let jitter = if verdict == Verdict::Served {
                0.0
            } else {
                rand::random()
            };
            state
                .gate
                .answered((self.lane, self.sent_at), now, verdict, quota, jitter);
            match verdict {
                Verdict::Served if quota.is_none() => Vec::new(),
                _ => state.gate.give_up(now, budget.patience),
            }
        };
        for (waiter, retry_after) in gone {
            // Whoever has gone away need not be told.
            let _ = waiter.send(Err(Refused { retry_after }));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tell(Verdict::Unknown, None);
        let awaited = {
            let mut state = self.budget.lock();
            state.gate.leave(self.lane);
            state.gate.is_awaited()
        };
        if awaited {
            self.budget.look();
        }
    }
}

#[cfg(test)]
mod tests;
