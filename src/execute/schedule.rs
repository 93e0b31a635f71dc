//! Which steps of one unit may begin, by endpoint. Pure.

use crate::graph::DependsAt;
use crate::model::{EndpointIndex, EndpointSet, NodeId};
use crate::plan::{Action, Content, Step};

/// Where a step reports its outcomes: signing, which touches no endpoint, at the primary.
pub(super) fn extent(step: &Step) -> EndpointSet {
    match step.action {
        Action::Sign => EndpointSet::PRIMARY,
        Action::Copy { .. } | Action::Attach { .. } | Action::Tag { .. } | Action::Remove { .. } => step.at,
    }
}

/// The steps of one unit and how far each of them is. Steps are named by their position among the unit's.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Vec<Entry>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Entry {
    node: usize,
    signs: bool,
    /// Nobody waits for what it takes away.
    removes: bool,
    /// It attaches what the [`Action::Sign`] step of its node makes.
    awaits_signing: bool,
    after: Vec<(usize, DependsAt)>,
    waiting: EndpointSet,
    running: EndpointSet,
}

/// What the steps of one node have come to; signing aside, which is done once.
#[derive(Debug)]
struct Node {
    id: NodeId,
    /// Where a step of this node is neither done nor failed. Where there is no step, the node stands already.
    pending: EndpointSet,
    failed: EndpointSet,
    signing: Signing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signing {
    /// No step makes it; whoever waits for one waits in vain.
    NotPlanned,
    Pending,
    Done,
    Failed,
}

impl Schedule {
    pub fn new<'s>(steps: impl IntoIterator<Item = &'s Step>) -> Self {
        let mut schedule = Self {
            entries: Vec::new(),
            nodes: Vec::new(),
        };
        for step in steps {
            let node = schedule.node(step.node);
            let signs = matches!(step.action, Action::Sign);
            let removes = matches!(step.action, Action::Remove { .. });
            if signs {
                schedule.nodes[node].signing = Signing::Pending;
            } else if !removes {
                schedule.nodes[node].pending |= step.at;
            }
            let after = step
                .after
                .iter()
                .map(|dependency| (schedule.node(dependency.node), dependency.at))
                .collect();
            schedule.entries.push(Entry {
                node,
                signs,
                removes,
                awaits_signing: matches!(
                    step.action,
                    Action::Attach {
                        content: Content::MadeHere,
                        ..
                    }
                ),
                after,
                waiting: extent(step),
                running: EndpointSet::EMPTY,
            });
        }
        schedule
    }

    fn node(&mut self, id: NodeId) -> usize {
        self.nodes.iter().position(|node| node.id == id).unwrap_or_else(|| {
            self.nodes.push(Node {
                id,
                pending: EndpointSet::EMPTY,
                failed: EndpointSet::EMPTY,
                signing: Signing::NotPlanned,
            });
            self.nodes.len() - 1
        })
    }

    /// Takes what may begin now.
    pub fn begin(&mut self) -> Vec<(usize, EndpointSet)> {
        let mut ready = Vec::new();
        for position in 0..self.entries.len() {
            let (held, lost) = self.in_the_way(position);
            let entry = &mut self.entries[position];
            let at = entry.waiting - held - lost;
            if !at.is_empty() {
                entry.waiting -= at;
                entry.running |= at;
                ready.push((position, at));
            }
        }
        ready
    }

    /// Takes what can no longer be done, because something it waits for failed.
    pub fn give_up(&mut self) -> Vec<(usize, EndpointSet)> {
        let mut lost = Vec::new();
        loop {
            let before = lost.len();
            for position in 0..self.entries.len() {
                let (_, at) = self.in_the_way(position);
                let at = at & self.entries[position].waiting;
                if !at.is_empty() {
                    self.entries[position].waiting -= at;
                    at.iter().for_each(|endpoint| self.settle(position, endpoint, false));
                    lost.push((position, at));
                }
            }
            // What was given up takes with it what waits for it.
            if lost.len() == before {
                return lost;
            }
        }
    }

    /// Endpoints where an entry has to wait, and where it waits in vain.
    fn in_the_way(&self, position: usize) -> (EndpointSet, EndpointSet) {
        const ALL: EndpointSet = EndpointSet::first(crate::model::MAX_ENDPOINTS);
        let everywhere = |yes: bool| if yes { ALL } else { EndpointSet::EMPTY };
        let entry = &self.entries[position];
        let mut held = EndpointSet::EMPTY;
        let mut lost = EndpointSet::EMPTY;
        if entry.awaits_signing {
            match self.nodes[entry.node].signing {
                Signing::Done => {}
                Signing::Pending => held = ALL,
                Signing::Failed | Signing::NotPlanned => lost = ALL,
            }
        }
        for (node, at) in &entry.after {
            let node = &self.nodes[*node];
            match at {
                DependsAt::SameEndpoint => {
                    held |= node.pending;
                    lost |= node.failed;
                }
                DependsAt::Primary => {
                    held |= everywhere(node.pending.contains(EndpointIndex::PRIMARY));
                    lost |= everywhere(node.failed.contains(EndpointIndex::PRIMARY));
                }
            }
        }
        (held, lost)
    }

    /// Whether the step was running there and had not been finished before.
    pub fn finish(&mut self, position: usize, endpoint: EndpointIndex, done: bool) -> bool {
        let entry = &mut self.entries[position];
        if !entry.running.contains(endpoint) {
            return false;
        }
        entry.running.remove(endpoint);
        self.settle(position, endpoint, done);
        true
    }

    fn settle(&mut self, position: usize, endpoint: EndpointIndex, done: bool) {
        let entry = &self.entries[position];
        let node = &mut self.nodes[entry.node];
        if entry.removes {
            return;
        }
        if entry.signs {
            node.signing = if done { Signing::Done } else { Signing::Failed };
        } else {
            node.pending.remove(endpoint);
            if !done {
                node.failed.insert(endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Dependency;
    use crate::model::{Digest, SignatureForm, Slot, TagId, UnitId};
    use crate::plan::Reason;

    const SIGNATURE: Slot = Slot::Signature(SignatureForm::Bundle);
    const TAG: Slot = Slot::Tag(TagId(0));

    fn node(slot: Slot) -> NodeId {
        NodeId { unit: UnitId(0), slot }
    }

    fn step(slot: Slot, action: Action, at: &[u8], after: &[(Slot, DependsAt)]) -> Step {
        Step {
            node: node(slot),
            action,
            at: at.iter().map(|endpoint| EndpointIndex(*endpoint)).collect(),
            after: after
                .iter()
                .map(|(slot, at)| Dependency {
                    node: node(*slot),
                    at: *at,
                })
                .collect(),
            because: Reason::Promotion,
        }
    }

    fn copy(at: &[u8]) -> Step {
        let action = Action::Copy {
            from: Box::default(),
            carried: [].into(),
        };
        step(Slot::Image, action, at, &[])
    }

    fn attach(at: &[u8]) -> Step {
        let action = Action::Attach {
            content: Content::MadeHere,
            from: Box::default(),
        };
        step(SIGNATURE, action, at, &[(Slot::Image, DependsAt::SameEndpoint)])
    }

    fn tag(at: &[u8], signature: DependsAt) -> Step {
        let action = Action::Tag {
            keeps: false,
            tag: TagId(0),
            digest: Digest::of(b""),
            replaces: None,
        };
        let after = [(Slot::Image, DependsAt::SameEndpoint), (SIGNATURE, signature)];
        step(TAG, action, at, &after)
    }

    fn sign() -> Step {
        step(SIGNATURE, Action::Sign, &[], &[])
    }

    fn at(endpoints: &[u8]) -> EndpointSet {
        endpoints.iter().map(|endpoint| EndpointIndex(*endpoint)).collect()
    }

    fn finish(schedule: &mut Schedule, position: usize, endpoint: u8, done: bool) {
        assert!(schedule.finish(position, EndpointIndex(endpoint), done));
    }

    #[test]
    fn endpoints_do_not_wait_for_each_other() {
        let steps = [
            copy(&[0, 1]),
            sign(),
            attach(&[0, 1]),
            tag(&[0, 1], DependsAt::SameEndpoint),
        ];
        let mut schedule = Schedule::new(&steps);
        assert_eq!(schedule.begin(), [(0, at(&[0, 1])), (1, at(&[0]))]);
        finish(&mut schedule, 0, 1, true);
        assert_eq!(schedule.begin(), [], "not signed yet");
        finish(&mut schedule, 1, 0, true);
        assert_eq!(schedule.begin(), [(2, at(&[1]))]);
        finish(&mut schedule, 2, 1, true);
        assert_eq!(schedule.begin(), [(3, at(&[1]))]);
        finish(&mut schedule, 0, 0, true);
        assert_eq!(schedule.begin(), [(2, at(&[0]))]);
    }

    #[test]
    fn a_failure_takes_its_descendants_at_its_endpoint_only() {
        let steps = [
            copy(&[0, 1]),
            sign(),
            attach(&[0, 1]),
            tag(&[0, 1], DependsAt::SameEndpoint),
        ];
        let mut schedule = Schedule::new(&steps);
        schedule.begin();
        finish(&mut schedule, 0, 0, false);
        finish(&mut schedule, 0, 1, true);
        finish(&mut schedule, 1, 0, true);
        assert_eq!(schedule.give_up(), [(2, at(&[0])), (3, at(&[0]))]);
        assert_eq!(schedule.begin(), [(2, at(&[1]))]);
    }

    #[test]
    fn a_failed_signature_takes_everything_that_waits_for_it() {
        let steps = [
            copy(&[0, 1]),
            sign(),
            attach(&[0, 1]),
            tag(&[0, 1], DependsAt::SameEndpoint),
        ];
        let mut schedule = Schedule::new(&steps);
        schedule.begin();
        finish(&mut schedule, 1, 0, false);
        assert_eq!(schedule.give_up(), [(2, at(&[0, 1])), (3, at(&[0, 1]))]);
    }

    #[test]
    fn tags_wait_for_the_primary_where_the_plan_says_so() {
        let steps = [sign(), attach(&[0]), tag(&[0, 1], DependsAt::Primary)];
        let mut schedule = Schedule::new(&steps);
        assert_eq!(schedule.begin(), [(0, at(&[0]))]);
        finish(&mut schedule, 0, 0, true);
        assert_eq!(schedule.begin(), [(1, at(&[0]))]);
        finish(&mut schedule, 1, 0, true);
        assert_eq!(schedule.begin(), [(2, at(&[0, 1]))]);

        let mut schedule = Schedule::new(&steps);
        schedule.begin();
        finish(&mut schedule, 0, 0, true);
        schedule.begin();
        finish(&mut schedule, 1, 0, false);
        assert_eq!(schedule.give_up(), [(2, at(&[0, 1]))]);
    }

    #[test]
    fn what_nobody_signs_is_given_up() {
        let mut schedule = Schedule::new(&[attach(&[0])]);
        assert_eq!(schedule.begin(), []);
        assert_eq!(schedule.give_up(), [(0, at(&[0]))]);
    }

    #[test]
    fn an_endpoint_is_finished_once() {
        let mut schedule = Schedule::new(&[copy(&[0])]);
        assert!(!schedule.finish(0, EndpointIndex(0), true), "it has not begun");
        schedule.begin();
        assert!(schedule.finish(0, EndpointIndex(0), true));
        assert!(!schedule.finish(0, EndpointIndex(0), false));
    }
}
