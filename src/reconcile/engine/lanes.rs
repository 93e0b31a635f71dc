//! What waits for its turn, and who is next: by class first, then in turns over targets and projects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::facts::{Ask, Class};
use crate::model::{EndpointIndex, Registry, TargetId, UnitId};

/// What shares a bound: an endpoint, or all sources at one registry. Looking and writing wait apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Look(TargetId, EndpointIndex),
    Source(Registry),
    Write(TargetId, EndpointIndex),
}

/// Who takes turns with whom.
pub(super) type Group = (TargetId, Option<Arc<str>>);

/// What waits. What exactly is due is found out when its turn has come: it may have changed by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Unit(UnitId),
    /// A look that is due, though nothing is known to be amiss.
    Sweep(Ask),
}

/// How many places are looked at, and images worked on, at one endpoint at the same time. What the registry is sent at
/// once is its budget's concern: these bound what is held in memory, and make that a slow endpoint takes up its own room
/// only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLimits {
    pub looks: usize,
    pub writes: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { looks: 16, writes: 32 }
    }
}

/// Items of one class, each group's in the order in which they came, groups in turns.
#[derive(Debug, Default)]
struct Turns {
    groups: BTreeMap<Group, VecDeque<Item>>,
    members: BTreeSet<Item>,
    last: Option<Group>,
}

impl Turns {
    fn push(&mut self, group: Group, item: Item) {
        if self.members.insert(item) {
            self.groups.entry(group).or_default().push_back(item);
        }
    }

    fn pop(&mut self) -> Option<Item> {
        let after = |last: &Group| {
            let beyond = (std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded);
            self.groups.range(beyond).next().map(|(group, _)| group.clone())
        };
        let group = self.last.as_ref().and_then(after);
        let group = group.or_else(|| self.groups.keys().next().cloned())?;
        let queue = self.groups.get_mut(&group)?;
        let item = queue.pop_front()?;
        if queue.is_empty() {
            self.groups.remove(&group);
        }
        self.members.remove(&item);
        self.last = Some(group);
        Some(item)
    }
}

#[derive(Debug, Default)]
struct Queue {
    under_way: usize,
    waiting: BTreeMap<Class, Turns>,
    begun: u64,
}

impl Queue {
    /// Lower classes first; but one begin in ten is a sweep's where one waits, and one a repair's, so that neither stands
    /// still while new images keep coming.
    fn order(begun: u64) -> [Class; 3] {
        match begun % 10 {
            4 => [Class::Verifies, Class::Unblocks, Class::Sweep],
            9 => [Class::Sweep, Class::Unblocks, Class::Verifies],
            _ => [Class::Unblocks, Class::Verifies, Class::Sweep],
        }
    }

    fn pop(&mut self) -> Option<(Class, Item)> {
        let found = Self::order(self.begun)
            .into_iter()
            .find_map(|class| Some((class, self.waiting.get_mut(&class)?.pop()?)))?;
        self.begun += 1;
        Some(found)
    }
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    limits: LaneLimits,
    queues: BTreeMap<Lane, Queue>,
    /// Where something waits.
    stirred: BTreeSet<Lane>,
}

impl Lanes {
    pub fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Puts something into its lane's line; what waits there already keeps its place.
    pub fn wait(&mut self, lane: &Lane, class: Class, group: Group, item: Item) {
        let queue = self.queues.entry(lane.clone()).or_default();
        queue.waiting.entry(class).or_default().push(group, item);
        self.stirred.insert(lane.clone());
    }

    /// How much waits.
    pub fn waiting(&self) -> usize {
        let turns = self.queues.values().flat_map(|queue| queue.waiting.values());
        turns.map(|turns| turns.members.len()).sum()
    }

    pub fn has_room(&self, lane: &Lane) -> bool {
        let bound = match lane {
            Lane::Look(..) | Lane::Source(_) => self.limits.looks,
            Lane::Write(..) => self.limits.writes,
        };
        self.queues.get(lane).is_none_or(|queue| queue.under_way < bound.max(1))
    }

    /// Lanes in which something waits that may begin.
    pub fn open(&self) -> Vec<Lane> {
        self.stirred
            .iter()
            .filter(|lane| self.has_room(lane))
            .cloned()
            .collect()
    }

    /// Takes what is next in a lane, where it has room.
    pub fn next(&mut self, lane: &Lane) -> Option<(Class, Item)> {
        if !self.has_room(lane) {
            return None;
        }
        let next = self.queues.get_mut(lane)?.pop();
        if next.is_none() {
            self.stirred.remove(lane);
        }
        next
    }

    pub fn begin(&mut self, lane: &Lane) {
        self.queues.entry(lane.clone()).or_default().under_way += 1;
    }

    pub fn end(&mut self, lane: &Lane) {
        if let Some(queue) = self.queues.get_mut(lane) {
            queue.under_way = queue.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: Lane = Lane::Look(TargetId(0), EndpointIndex::PRIMARY);

    fn group(name: &str) -> Group {
        (TargetId(0), Some(name.into()))
    }

    fn unit(number: u32) -> Item {
        Item::Unit(UnitId(number))
    }

    fn drain(lanes: &mut Lanes) -> Vec<Item> {
        std::iter::from_fn(|| lanes.next(&LANE)).map(|(_, item)| item).collect()
    }

    #[test]
    fn ten_thousand_images_of_one_project_do_not_delay_another_projects_one() {
        let mut lanes = Lanes::default();
        for number in 0..10_000 {
            lanes.wait(&LANE, Class::Unblocks, group("large"), unit(number));
        }
        lanes.wait(&LANE, Class::Unblocks, group("small"), unit(10_000));
        let position = drain(&mut lanes).iter().position(|item| *item == unit(10_000));
        assert!(position.unwrap() <= 1, "{position:?}");
    }

    #[test]
    fn sweeps_and_repairs_have_a_tenth_each_while_new_images_keep_coming() {
        let mut lanes = Lanes::default();
        for number in 0..300 {
            lanes.wait(&LANE, Class::Unblocks, group("a"), unit(number));
            lanes.wait(&LANE, Class::Verifies, group("a"), unit(1_000 + number));
            lanes.wait(&LANE, Class::Sweep, group("a"), Item::Sweep(Ask::Image(UnitId(number))));
        }
        let begun: Vec<Class> = std::iter::from_fn(|| lanes.next(&LANE))
            .map(|(class, _)| class)
            .take(100)
            .collect();
        let count = |wanted| begun.iter().filter(|class| **class == wanted).count();
        assert_eq!(
            (count(Class::Unblocks), count(Class::Verifies), count(Class::Sweep)),
            (80, 10, 10)
        );
    }

    #[test]
    fn a_lane_that_is_full_gives_nothing_until_something_ends() {
        let mut lanes = Lanes::new(LaneLimits { looks: 1, writes: 1 });
        for number in 0..2 {
            lanes.wait(&LANE, Class::Sweep, group("a"), unit(number));
        }
        assert_eq!(lanes.next(&LANE), Some((Class::Sweep, unit(0))));
        lanes.begin(&LANE);
        assert_eq!((lanes.next(&LANE), lanes.open()), (None, Vec::new()));
        lanes.end(&LANE);
        assert_eq!(lanes.open(), [LANE]);
        assert_eq!(lanes.next(&LANE), Some((Class::Sweep, unit(1))));
    }

    #[test]
    fn what_waits_already_is_not_put_in_line_twice() {
        let mut lanes = Lanes::default();
        for _ in 0..3 {
            lanes.wait(&LANE, Class::Verifies, group("a"), unit(1));
        }
        assert_eq!(drain(&mut lanes), [unit(1)]);
        lanes.wait(&LANE, Class::Verifies, group("a"), unit(1));
        assert_eq!(drain(&mut lanes), [unit(1)]);
    }
}
