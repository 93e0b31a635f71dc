//! An engine at any size, in virtual time: registries are what they ought to be but for what is said here, and answer by
//! themselves. There is neither runtime nor state, so that what is counted and measured is the engine's.

mod answers;
mod site;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::answers::Answers;
pub use self::site::{Site, Size};
use crate::execute::{Outcome, RunId, StepOutcome};
use crate::facts::{Ask, Bounds, Depth};
use crate::graph::Graph;
use crate::model::{EndpointSet, TargetId, UnitId};
use crate::plan::{Action, Scope, Step};
use crate::reconcile::engine::{Begin, Engine, Event, LaneLimits, Lasting, Learnt, Periods, Session};

/// An engine, and the registries that it keeps.
#[derive(Debug)]
pub struct Large {
    pub engine: Engine,
    pub answers: Answers,
    site: Site,
    now: Timestamp,
    coming: BTreeMap<(Timestamp, u64), Event>,
    sent: u64,
    looks: BTreeMap<TargetId, u64>,
    /// When something of a unit was first begun to be written.
    begun: BTreeMap<UnitId, Timestamp>,
    /// Reads a clock of this thread's work; what the engine took of it is `spent`.
    clock: fn() -> Duration,
    spent: Duration,
}

impl Large {
    /// Everything stands, is known, and is looked at again once a period.
    #[must_use]
    pub fn standing(size: Size, period: SignedDuration, clock: fn() -> Duration) -> Self {
        let mut site = Site::new(size);
        let mut engine = Engine::new(LaneLimits::default());
        let now = Timestamp::UNIX_EPOCH;
        let touched = engine.graph.update(&site.commit().desired);
        engine.facts.follow(&engine.graph, &touched);
        let answers = Answers::default();
        let units: Vec<UnitId> = engine.graph.wanted().collect();
        for unit in units {
            let admission = answers.admission();
            engine.memory.admissions.insert(unit, admission);
            know_all(&mut engine, &answers, unit, now);
        }
        let mut large = Self {
            engine,
            answers,
            site,
            now,
            coming: BTreeMap::new(),
            sent: 0,
            looks: BTreeMap::new(),
            begun: BTreeMap::new(),
            clock,
            spent: Duration::ZERO,
        };
        let session = Session {
            scope: Scope {
                honour_history: true,
                ..Scope::default()
            },
            writes: true,
            lasting: Lasting::ForEver,
            requests: u64::MAX,
        };
        large.engine.begin(session, &Bounds::ANY, LaneLimits::default(), now);
        let periods = Periods {
            tags: period,
            images: period,
            evidence: period,
        };
        large.engine.keep_looking(periods, now);
        large
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How many questions about a target were put to registries.
    #[must_use]
    pub fn looks_at(&self, target: usize) -> u64 {
        let target = self.engine.graph.find_target(&format!("t{target}"));
        target.and_then(|target| self.looks.get(&target)).copied().unwrap_or(0)
    }

    #[must_use]
    pub fn looks(&self) -> u64 {
        self.looks.values().sum()
    }

    /// What the engine took so far, by the clock that it was given.
    #[must_use]
    pub fn spent(&self) -> Duration {
        self.spent
    }

    /// When something of a unit was first begun to be written.
    #[must_use]
    pub fn begun(&self, unit: UnitId) -> Option<Timestamp> {
        self.begun.get(&unit).copied()
    }

    /// Changes the manifests, and has the engine follow. Gives the units that came, which stand nowhere yet.
    pub fn commit(&mut self, change: impl FnOnce(&mut Site)) -> Vec<UnitId> {
        change(&mut self.site);
        let known = self.engine.graph.units().len();
        let desired = self.site.commit().desired.clone();
        let began = (self.clock)();
        let engine = &mut self.engine;
        let touched = engine.graph.update(&desired);
        engine.facts.follow(&engine.graph, &touched);
        let came: Vec<UnitId> = (known..engine.graph.units().len())
            .map(|unit| UnitId(unit as u32))
            .collect();
        engine.memory.new.extend(&came);
        engine.follow(&touched, self.now);
        self.spent += (self.clock)() - began;
        for unit in &came {
            self.answers.lack(&self.engine.graph, *unit);
        }
        came
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: SignedDuration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until `is_over`, or the end. Returns whether it was over by then.
    pub fn run_until(&mut self, end: Timestamp, is_over: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.turn();
            if is_over(self) {
                return true;
            }
            let next = self.coming.keys().next().map(|(at, _)| *at);
            let next = next.into_iter().chain(self.engine.due()).min();
            match next.map(|next| next.max(self.now)) {
                Some(next) if next <= end => self.now = next,
                _ => {
                    self.now = end;
                    return false;
                }
            }
            self.take();
        }
    }

    fn turn(&mut self) {
        let began = (self.clock)();
        let turn = self.engine.turn(self.now);
        self.spent += (self.clock)() - began;
        for begin in turn.begins {
            match begin {
                Begin::Look {
                    id,
                    ask,
                    depth: _,
                    endpoint,
                } => {
                    let target = target_of(&self.engine.graph, ask);
                    *self.looks.entry(target).or_default() += 1;
                    let answer = self.answers.answer(&self.engine.graph, ask, endpoint);
                    let event = Event::Answered {
                        look: id,
                        answer,
                        requests: 1,
                    };
                    self.send(1, event);
                }
                Begin::Run { id, unit, steps } => {
                    self.begun.entry(unit).or_insert(self.now);
                    self.run(id, &steps);
                }
            }
        }
    }

    /// Steps are done one after the other, at all endpoints at once.
    fn run(&mut self, id: RunId, steps: &[Step]) {
        for (position, step) in steps.iter().enumerate() {
            let extent = match step.action {
                Action::Sign => EndpointSet::PRIMARY,
                _ => step.at,
            };
            for endpoint in extent.iter() {
                self.answers.put(step.node, endpoint);
                let outcome = StepOutcome {
                    step: position,
                    node: step.node,
                    endpoint,
                    outcome: Outcome::Done {
                        attached: self.answers.artifact(&self.engine.graph, step.node),
                    },
                };
                self.send(position as i64 + 1, Event::Finished { run: id, outcome });
            }
        }
        self.send(steps.len() as i64 + 1, Event::Ended(id));
    }

    /// Answers take 20 to 80 ms for each of what was done for them, one this and another that.
    fn send(&mut self, times: i64, event: Event) {
        self.sent += 1;
        let millis = times * (20 + (self.sent * 37 % 61) as i64 * i64::from(times == 1));
        let at = self.now + SignedDuration::from_millis(millis);
        self.coming.insert((at, self.sent), event);
    }

    fn take(&mut self) {
        while let Some(entry) = self.coming.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let event = entry.remove();
            let began = (self.clock)();
            let learnt = self.engine.take(event, self.now);
            self.spent += (self.clock)() - began;
            if let Some(learnt) = learnt {
                self.remember(learnt);
            }
        }
    }

    /// What state would have the planner remember.
    fn remember(&mut self, learnt: Learnt) {
        let Learnt::Succeeded {
            step,
            endpoint,
            attached,
        } = learnt
        else {
            return;
        };
        let memory = &mut self.engine.memory;
        let unit = step.node.unit;
        if let (Action::Sign, Some(made)) = (&step.action, attached) {
            memory.waiting.insert((step.node, made.by), made.digest);
            memory.note_made(step.node, made.by);
        }
        if let Action::Tag { tag, digest, .. } = step.action {
            memory.written.entry(tag).or_default().set(endpoint, digest);
        }
        let admission = self.answers.admission();
        if memory.admissions.insert(unit, admission).is_none() {
            self.engine.touch_units([unit]);
        }
    }
}

fn know_all(engine: &mut Engine, answers: &Answers, unit: UnitId, now: Timestamp) {
    let Engine { graph, facts, .. } = engine;
    let target = graph.target_of(unit);
    let mut asks = vec![Ask::Endpoint(target), Ask::Image(unit), Ask::Evidence(unit)];
    asks.extend(graph.unit(unit).tags.iter().map(|tag| Ask::Tag(*tag)));
    for endpoint in graph.target(target).all_endpoints().iter() {
        for ask in &asks {
            let answer = answers.answer(graph, *ask, endpoint);
            facts.record(graph, *ask, Depth::Manifests, endpoint, answer, now);
        }
    }
}

fn target_of(graph: &Graph, ask: Ask) -> TargetId {
    match ask {
        Ask::Endpoint(target) => target,
        Ask::Tags(repository) => graph.repository(repository).0,
        Ask::Tag(tag) => graph.repository(graph.tag(tag).0).0,
        Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => graph.target_of(unit),
    }
}
