use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn streams() -> Concurrency {
    Concurrency {
        requests: 4,
        downloads: 2,
        uploads: 2,
    }
}

fn gate(limits: BudgetLimits) -> Gate<(u64, usize)> {
    Gate::new(&limits, streams())
}

const OPEN: BudgetLimits = BudgetLimits {
    requests_per_second: None,
    in_flight: 4,
    separate: false,
};

const fn at(millis: u64) -> Moment {
    Duration::from_millis(millis)
}

fn admitted(gate: &mut Gate<(u64, usize)>, now: Moment) -> Vec<(u64, usize)> {
    let look = gate.look(now, |_| false);
    look.admitted.into_iter().map(|(waiter, _)| waiter).collect()
}

fn answer(gate: &mut Gate<(u64, usize)>, lane: Lane, now: Moment, verdict: Verdict, quota: Option<Quota>) {
    gate.answered((lane, now), now, verdict, quota, 0.0);
    gate.leave(lane);
}

#[test]
fn a_configured_rate_is_kept() {
    let mut gate = gate(BudgetLimits {
        requests_per_second: Some(10.0),
        in_flight: 100,
        ..OPEN
    });
    assert!(gate.enter(at(1000), Lane::Read));
    for number in 0..50 {
        gate.wait(Lane::Read, Line(1), (1, number));
    }
    let mut went = 0;
    for millis in 1000..3000 {
        for _ in admitted(&mut gate, at(millis)) {
            answer(&mut gate, Lane::Read, at(millis), Verdict::Served, None);
            went += 1;
        }
    }
    assert!((19..=21).contains(&went), "{went}");
    let look = gate.look(at(3000), |_| false);
    assert!(look.again.is_some_and(|again| again > at(3000) && again <= at(3110)));
}

#[test]
fn the_write_of_a_turn_waits_for_nobody_and_is_paced_with_it() {
    let mut gate = gate(BudgetLimits {
        requests_per_second: Some(10.0),
        ..OPEN
    });
    assert!(gate.enter(at(1000), Lane::Turn));
    assert!(!gate.enter(at(1001), Lane::Write), "the turn has used the pace");
    gate.wait(Lane::Write, Line(1), (1, 0));
    assert!(gate.enter(at(1001), Lane::Follow), "those that wait are not waited for");
    answer(&mut gate, Lane::Follow, at(1002), Verdict::Served, None);
    gate.leave(Lane::Turn);
    assert!(admitted(&mut gate, at(1050)).is_empty());
    assert_eq!(admitted(&mut gate, at(1101)), [(1, 0)]);
    answer(
        &mut gate,
        Lane::Write,
        at(1102),
        Verdict::Refused(Some(Duration::from_secs(5))),
        None,
    );
    assert!(
        !gate.stopped_for(at(1200), Lane::Follow).is_zero(),
        "what is refused to all is not sent"
    );
}

#[test]
fn tokens_go_before_those_that_wait_for_them_and_lanes_take_turns() {
    let mut gate = gate(OPEN);
    let lanes = [Lane::Read, Lane::Write, Lane::Download, Lane::Token];
    for lane in lanes {
        while gate.enter(at(1), lane) {}
        for number in 0..3 {
            gate.wait(lane, Line(0), (lane as u64, number));
        }
    }
    lanes.iter().for_each(|lane| gate.leave(*lane));
    let order: Vec<u64> = admitted(&mut gate, at(2)).iter().map(|(lane, _)| *lane).collect();
    assert_eq!(
        order,
        [
            Lane::Token as u64,
            Lane::Read as u64,
            Lane::Write as u64,
            Lane::Download as u64
        ]
    );
}

#[test]
fn a_retry_after_stops_everything_and_is_too_long_to_wait_for_some() {
    let mut gate = gate(OPEN);
    assert!(gate.enter(at(0), Lane::Write));
    gate.wait(Lane::Read, Line(1), (1, 0));
    let refused = Verdict::Refused(Some(Duration::from_secs(90)));
    answer(&mut gate, Lane::Write, at(0), refused, None);
    for lane in [Lane::Token, Lane::Read, Lane::Write, Lane::Download, Lane::Part] {
        assert!(!gate.enter(at(89_999), lane), "{lane:?}");
    }
    assert!(gate.enter(at(1), Lane::Upload), "a place sends nothing");
    assert!(gate.give_up(at(1000), Duration::from_secs(100)).is_empty());
    let gone = gate.give_up(at(1000), Duration::from_secs(60));
    assert_eq!(gone, [((1, 0), Duration::from_secs(89))]);
    assert!(gate.enter(at(90_001), Lane::Read));
}

#[test]
fn reads_and_writes_that_are_counted_apart_stop_apart() {
    let mut gate = gate(BudgetLimits { separate: true, ..OPEN });
    assert!(gate.enter(at(0), Lane::Write));
    answer(
        &mut gate,
        Lane::Write,
        at(0),
        Verdict::Refused(Some(Duration::from_secs(9))),
        None,
    );
    assert!(!gate.enter(at(10), Lane::Part));
    assert!(gate.enter(at(10), Lane::Read));
}

#[test]
fn a_quota_that_is_used_up_is_waited_for_and_one_about_to_be_whole_is_not() {
    let mut gate = gate(OPEN);
    let quota = |remaining, seconds| {
        Some(Quota {
            remaining,
            reset: Duration::from_secs(seconds),
        })
    };
    assert!(gate.enter(at(0), Lane::Read) && gate.enter(at(0), Lane::Read));
    // One of the three is under way already.
    answer(&mut gate, Lane::Read, at(0), Verdict::Served, quota(3, 10));
    assert!(gate.enter(at(1), Lane::Read) && gate.enter(at(1), Lane::Read));
    assert!(!gate.enter(at(2), Lane::Write));
    assert!(!gate.enter(at(9_400), Lane::Write));
    assert!(gate.enter(at(9_600), Lane::Write));
    answer(&mut gate, Lane::Write, at(9_600), Verdict::Served, quota(0, 1));
    assert!(gate.enter(at(9_601), Lane::Write));
}

#[test]
fn whoever_has_gone_away_takes_no_place() {
    let mut gate = gate(OPEN);
    while gate.enter(at(0), Lane::Read) {}
    for number in 0..5 {
        gate.wait(Lane::Read, Line(1), (1, number));
    }
    gate.leave(Lane::Read);
    let look = gate.look(at(1), |(_, number)| *number < 3);
    assert_eq!(look.admitted, [((1, 3), Lane::Read)]);
    assert!(!gate.is_idle());
}

proptest! {
    /// One repository with any number of requests waiting does not starve another, in whatever lane, whatever the pace.
    #[test]
    fn nobody_waits_for_more_than_one_of_each_other_repository(
        crowd in 1_usize..2000,
        others in 1_u64..8,
        rate in 1_u32..200,
    ) {
        let mut gate = gate(BudgetLimits { requests_per_second: Some(f64::from(rate)), ..OPEN });
        for number in 0..crowd {
            gate.wait(Lane::Read, Line(0), (0, number));
        }
        for other in 1..=others {
            gate.wait(Lane::Read, Line(other), (other, 0));
        }
        let mut order = Vec::new();
        let mut now = at(1);
        while order.len() < 2 + usize::try_from(others).unwrap() && gate.is_awaited() {
            let look = gate.look(now, |_| false);
            for ((line, _), lane) in look.admitted {
                order.push(line);
                answer(&mut gate, lane, now, Verdict::Served, None);
            }
            now = look.again.unwrap_or(now);
        }
        let last = (1..=others).map(|other| order.iter().position(|line| *line == other)).max().flatten();
        prop_assert!(last.is_some_and(|last| last <= usize::try_from(others).unwrap()), "{:?}", order);
    }

    /// Whatever comes in whatever order: no more under way than allowed, and nobody lost.
    #[test]
    fn windows_are_kept_and_everybody_gets_in(steps in proptest::collection::vec((0_usize..6, 0_u64..4, 0_u8..4), 1..300)) {
        let mut gate = gate(OPEN);
        let mut under_way: HashMap<usize, usize> = HashMap::new();
        let (mut came, mut went, mut now) = (0, 0, at(1));
        let mut admit = |gate: &mut Gate<(u64, usize)>, under_way: &mut HashMap<usize, usize>, now| {
            for (_, lane) in gate.look(now, |_| false).admitted {
                *under_way.entry(lane as usize).or_default() += 1;
                went += 1;
            }
            went
        };
        for (lane, line, outcome) in steps {
            now += at(10);
            came += 1;
            gate.wait(LANES[lane], Line(line), (line, came));
            admit(&mut gate, &mut under_way, now);
            for (lane, count) in &under_way {
                let most = [4, 4, 4, 2, 2, usize::MAX][*lane];
                prop_assert!(*count <= most, "{count} in lane {lane}");
            }
            let busy = under_way.iter_mut().find(|(_, count)| **count > 0);
            if let Some((lane, count)) = busy.filter(|_| outcome > 0) {
                *count -= 1;
                let lane = LANES[*lane];
                let verdict = [Verdict::Unknown, Verdict::Served, Verdict::Refused(None)][usize::from(outcome - 1)];
                if lane != Lane::Upload {
                    gate.answered((lane, now), now, verdict, None, 0.5);
                }
                gate.leave(lane);
            }
        }
        for _ in 0..20_000 {
            now += at(50);
            let all = admit(&mut gate, &mut under_way, now);
            if all == came {
                break;
            }
            for (lane, count) in &mut under_way {
                for _ in 0..std::mem::take(count) {
                    if LANES[*lane] != Lane::Upload {
                        gate.answered((LANES[*lane], now), now, Verdict::Served, None, 0.5);
                    }
                    gate.leave(LANES[*lane]);
                }
            }
        }
        prop_assert!(!gate.is_awaited());
    }
}

#[test]
fn writes_that_are_refused_while_reads_are_served_slow_down_no_reads() {
    let mut gate = gate(OPEN);
    let mut now = at(1_000);
    for _ in 0..6 {
        assert!(gate.enter(now, Lane::Read));
        answer(&mut gate, Lane::Read, now, Verdict::Served, None);
        now = now.max(gate.ready(Lane::Write));
        assert!(gate.enter(now, Lane::Write));
        answer(&mut gate, Lane::Write, now, Verdict::Refused(None), None);
        now = now.max(gate.ready(Lane::Read)) + at(1);
    }
    assert!(gate.stopped_for(now, Lane::Write) >= at(1_000));
    for _ in 0..100 {
        assert!(gate.enter(now, Lane::Read));
        answer(&mut gate, Lane::Read, now, Verdict::Served, None);
        now += at(1);
    }
    // Once they are served again, all is as before.
    now = now.max(gate.ready(Lane::Write));
    assert!(gate.enter(now, Lane::Write));
    answer(&mut gate, Lane::Write, now, Verdict::Served, None);
    assert!(gate.enter(now, Lane::Write));
}
