//! Reads or writes that a registry refuses whatever their pace, while it serves the others.

use std::time::Duration;

use super::gate::Lane;
use super::pace::{Pace, Verdict};
use super::sample::Moment;

/// After so many refusals in a row, between which the other kind was served, it is the kind that is refused.
const SINGLED_OUT: u32 = 3;
/// How long such a kind waits, first and at most; it doubles in between.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whether the reads, or the writes, of a budget are refused by themselves: their quota is used up, and the pace has
/// nothing to learn from that.
#[derive(Debug, Default)]
pub(super) struct Kinds([Kind; 2]);

#[derive(Debug, Default)]
struct Kind {
    refused_in_a_row: u32,
    /// Something of the other kind was served since the first of these.
    others_served: bool,
    /// What the pace was before the first of these.
    before: Option<Pace>,
    closed_until: Moment,
}

impl Kinds {
    /// When a request of this lane may go, as far as its kind is concerned.
    pub(super) fn opens(&self, lane: Lane) -> Moment {
        self.0[usize::from(lane.writes())].closed_until
    }

    /// Takes note of an answer, and gives what the pace is to hear of it. What the pace was taught by refusals that turn
    /// out to be about the kind alone, it is made to forget.
    pub(super) fn heard(&mut self, lane: Lane, now: Moment, verdict: Verdict, pace: &mut Pace) -> Verdict {
        let index = usize::from(lane.writes());
        match verdict {
            Verdict::Served => {
                self.0[index] = Kind {
                    closed_until: self.0[index].closed_until,
                    ..Kind::default()
                };
                self.0[1 - index].others_served = true;
                verdict
            }
            Verdict::Refused(after) => {
                let kind = &mut self.0[index];
                if kind.refused_in_a_row == 0 {
                    kind.others_served = false;
                    kind.before = Some(pace.clone());
                }
                kind.refused_in_a_row += 1;
                let beyond = kind.refused_in_a_row.saturating_sub(SINGLED_OUT);
                if beyond == 0 || !kind.others_served {
                    return verdict;
                }
                if let Some(before) = kind.before.take() {
                    *pace = before;
                }
                let pause = PAUSE.saturating_mul(1 << (beyond - 1).min(16)).min(LONGEST_PAUSE);
                kind.closed_until = now + after.unwrap_or_default().max(pause);
                Verdict::Unknown
            }
            Verdict::Unknown => verdict,
        }
    }
}
