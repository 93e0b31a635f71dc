//! What the engine holds, and the two halves of each turn: taking in what happened, and saying what is to begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Learnt, Turn};
use super::in_flight::InFlight;
use super::lanes::{LaneLimits, Lanes};
use super::pauses::Pauses;
use super::plans::Plans;
use super::retries::Retries;
use super::sweeps::Sweeps;
use crate::execute::{RunId, StepOutcome};
use crate::facts::{Bounds, Facts, Memory};
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId, TagId, UnitId};
use crate::plan::{Planned, Scope, Status, Step, Sum, Units, plan_unit, with_upstream};

/// What the engine is to do for now.
#[derive(Debug, Clone)]
pub struct Session {
    pub scope: Scope,
    /// Whether anything may be written.
    pub writes: bool,
    pub lasting: Lasting,
    /// How many requests may be sent to look; writes are not counted.
    pub requests: u64,
}

/// How long a session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Until nothing is left that can be done: each step is tried once, and nobody waits for a back-off.
    Once,
    /// A daemon's.
    ForEver,
}

/// Decides what is looked at and what is done, event by event. It owns the graph, the facts and the memory; it never
/// waits, and begins something only where there is room for it.
#[derive(Debug)]
pub struct Engine {
    pub graph: Graph,
    pub facts: Facts,
    pub memory: Memory,
    pub(super) session: Session,
    pub(super) plans: Plans,
    /// How many plans of units were made: what an event costs.
    plans_made: u64,
    /// Units in scope; `None` for all that are wanted.
    scope: Option<BTreeSet<UnitId>>,
    /// Units whose plan may have changed.
    pub(super) touched: BTreeSet<UnitId>,
    pub(super) in_flight: InFlight,
    pub(super) lanes: Lanes,
    /// When time alone changes a plan.
    pub(super) dues: BTreeMap<Timestamp, BTreeSet<UnitId>>,
    /// Until when copies of an image wait for one another, so that one read serves them all.
    pub(super) gathering: BTreeMap<UnitId, Timestamp>,
    /// Units that wait until another's run no longer writes one of their tags.
    pub(super) awaits_tag: BTreeMap<TagId, BTreeSet<UnitId>>,
    /// How often a step of a node ended at an endpoint in this session, well or not.
    pub(super) tries: HashMap<(NodeId, EndpointIndex), u32>,
    pub(super) requests: u64,
    /// A look was left unsent for want of requests.
    pub(super) is_out_of_requests: bool,
    pub(super) ran: Vec<(Step, StepOutcome)>,
    /// Runs that a commit withdrew.
    pub(super) cancels: Vec<RunId>,
    pub(super) sweeps: Option<Sweeps>,
    pub(super) retries: Retries,
    /// They outlive sessions: what a registry asked for holds for the next as well.
    pub(super) pauses: Pauses,
    is_draining: bool,
}

impl Engine {
    #[must_use]
    pub fn new(limits: LaneLimits) -> Self {
        Self {
            graph: Graph::default(),
            facts: Facts::default(),
            memory: Memory::default(),
            session: Session {
                scope: Scope::default(),
                writes: false,
                lasting: Lasting::Once,
                requests: 0,
            },
            plans: Plans::default(),
            plans_made: 0,
            scope: None,
            touched: BTreeSet::new(),
            in_flight: InFlight::default(),
            lanes: Lanes::new(limits),
            dues: BTreeMap::new(),
            gathering: BTreeMap::new(),
            awaits_tag: BTreeMap::new(),
            tries: HashMap::new(),
            requests: 0,
            is_out_of_requests: false,
            ran: Vec::new(),
            cancels: Vec::new(),
            sweeps: None,
            retries: Retries::default(),
            pauses: Pauses::default(),
            is_draining: false,
        }
    }

    /// Begins a session: answers older than `bounds` count as not asked, and everything in scope is planned anew.
    pub fn begin(&mut self, session: Session, bounds: &Bounds, limits: LaneLimits, now: Timestamp) {
        self.facts.begin_pass(bounds, now);
        self.memory.tried.clear();
        self.session = session;
        for unit in self.plans.units().collect::<Vec<_>>() {
            self.doubt_what_was_lost(unit);
        }
        self.plans = Plans::default();
        // Whatever was under way in an earlier session ended, or was dropped, with it.
        self.in_flight = InFlight::default();
        self.lanes = Lanes::new(limits);
        self.dues.clear();
        self.gathering.clear();
        self.awaits_tag.clear();
        self.tries.clear();
        self.requests = 0;
        self.is_out_of_requests = false;
        self.ran.clear();
        self.cancels.clear();
        self.sweeps = None;
        self.retries = Retries::default();
        self.is_draining = false;
        self.scope = match &self.session.scope.units {
            Units::All => None,
            Units::Only(units) => Some(with_upstream(&self.graph, units)),
        };
        self.touched = self.in_scope();
        self.keep_away(now);
    }

    /// Takes in what happened. What is returned must be remembered before [`Self::turn`] is called.
    pub fn take(&mut self, event: Event, now: Timestamp) -> Option<Learnt> {
        match event {
            Event::Answered { look, answer, requests } => self.answered(look, answer, requests, now),
            Event::Finished { run, outcome } => self.finished(run, outcome, now),
            Event::Ended(run) => self.ended(run),
        }
    }

    /// Plans what was touched, and says what is to begin now.
    pub fn turn(&mut self, now: Timestamp) -> Turn {
        self.wake(now);
        self.look_again(now);
        let mut turn = Turn {
            cancels: std::mem::take(&mut self.cancels),
            ..Turn::default()
        };
        loop {
            for unit in std::mem::take(&mut self.touched) {
                self.replan(unit, now);
            }
            if !self.is_draining {
                self.fill(now, &mut turn.begins);
            }
            // What may not be asked now is answered for, and that changes plans.
            if self.touched.is_empty() {
                return turn;
            }
        }
    }

    /// Begins nothing more. What runs comes to its end; looks are given up, for they leave nothing behind.
    pub fn drain(&mut self) {
        self.is_draining = true;
        self.in_flight.end_looks();
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// Whether nothing is under way. What a full turn has not begun then waits for something that only time or
    /// somebody else can bring.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// When something changes though nothing happens. In a session that ends by itself only copies that gather are waited
    /// for.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.is_draining {
            return None;
        }
        if self.lasts_once() {
            let gathers = |units: &BTreeSet<UnitId>| units.iter().any(|unit| self.gathering.contains_key(unit));
            let due = self.dues.iter().find(|(_, units)| gathers(units));
            return due.map(|(at, _)| *at);
        }
        let plans = self.dues.keys().next().copied();
        plans.into_iter().chain(self.looks_again_at()).min()
    }

    /// The sum of all units' plans: what is due, asked, withheld and in the way.
    #[must_use]
    pub fn planned(&self) -> Planned {
        Planned {
            units: self.in_scope().len(),
            ..self.plans.sum()
        }
    }

    /// What that comes to, kept from turn to turn: it costs what is told of, not what is kept.
    #[must_use]
    pub fn status(&self) -> Status {
        self.plans.status()
    }

    /// How many plans of units were made so far.
    #[must_use]
    pub fn plans_made(&self) -> u64 {
        self.plans_made
    }

    /// Whether some of a unit is not as it shall be, or not known to be.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.plans.is_empty()
    }

    /// Requests may be sent again: those that were left unsent are lined up.
    pub fn allow_requests(&mut self) {
        self.requests = 0;
        if std::mem::take(&mut self.is_out_of_requests) {
            self.touched.extend(self.plans.units());
        }
    }

    /// Whether something was done that nobody was told of.
    #[must_use]
    pub fn has_ran(&self) -> bool {
        !self.ran.is_empty()
    }

    /// What was done since it was last asked for, and how many requests looking took.
    pub fn take_ran(&mut self) -> (Vec<(Step, StepOutcome)>, u64) {
        (std::mem::take(&mut self.ran), std::mem::take(&mut self.requests))
    }

    /// The same, made from nothing: what [`Self::planned`] must be after each turn.
    #[must_use]
    pub fn planned_anew(&self, now: Timestamp) -> Planned {
        let mut sum = Sum::default();
        let units = self.in_scope();
        let (graph, facts, memory) = (&self.graph, &self.facts, &self.memory);
        for unit in &units {
            sum.add(plan_unit(graph, facts, memory, &self.session.scope, now, *unit));
        }
        sum.finish()
    }

    pub(super) fn lasts_once(&self) -> bool {
        self.session.lasting == Lasting::Once
    }

    fn in_scope(&self) -> BTreeSet<UnitId> {
        let wanted = |unit: &UnitId| self.graph.unit(*unit).claim().is_some();
        match &self.scope {
            None => self.graph.wanted().collect(),
            Some(units) => units.iter().copied().filter(wanted).collect(),
        }
    }

    fn replan(&mut self, unit: UnitId, now: Timestamp) {
        if self.scope.as_ref().is_some_and(|scope| !scope.contains(&unit)) {
            return;
        }
        self.plans_made += 1;
        let plan = plan_unit(&self.graph, &self.facts, &self.memory, &self.session.scope, now, unit);
        if let Some(due) = plan.due {
            self.dues.entry(due).or_default().insert(unit);
        }
        if plan.is_settled() {
            self.gathering.remove(&unit);
        } else {
            self.line_up(unit, &plan);
        }
        self.plans.set(unit, self.graph.unit(unit).repository, plan);
    }

    /// Touches what time alone has changed.
    fn wake(&mut self, now: Timestamp) {
        while let Some(entry) = self.dues.first_entry() {
            if *entry.key() > now {
                break;
            }
            self.touched.extend(entry.remove());
        }
    }

    pub(super) fn wake_at(&mut self, unit: UnitId, at: Timestamp) {
        self.dues.entry(at).or_default().insert(unit);
    }
}

/// How long copies of one image wait for endpoints that have yet to answer about it.
pub(super) const GATHERING: SignedDuration = SignedDuration::from_millis(250);
