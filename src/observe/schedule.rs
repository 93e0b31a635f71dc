//! In which order places are looked at.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::facts::{Ask, Class, Question};
use crate::graph::Graph;
use crate::model::{EndpointIndex, Registry, Source, TargetId};

/// One question at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Position among the questions.
    pub question: usize,
    pub endpoint: EndpointIndex,
    lane: usize,
}

/// What shares a bound: an endpoint, or all sources at one registry.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Lane {
    Endpoint(TargetId, EndpointIndex),
    Source(Registry),
}

/// Takes turns between lanes, so that a slow endpoint holds up its own questions only. Nothing of a higher class begins
/// before everything of the lower ones has begun.
#[derive(Debug)]
pub(super) struct Schedule {
    /// By class, each a queue per lane that has work in it.
    waiting: BTreeMap<Class, Vec<VecDeque<Job>>>,
    under_way: Vec<usize>,
    per_lane: usize,
    /// Whose turn it is.
    turn: usize,
}

impl Schedule {
    pub fn new(graph: &Graph, questions: &[Question], per_lane: usize) -> Self {
        let mut lanes: HashMap<Lane, usize> = HashMap::new();
        let mut waiting: BTreeMap<Class, Vec<VecDeque<Job>>> = BTreeMap::new();
        for (question, asked) in questions.iter().enumerate() {
            let queues = waiting.entry(asked.class).or_default();
            for endpoint in asked.at.iter() {
                let next = lanes.len();
                let lane = *lanes.entry(lane(graph, asked.ask, endpoint)).or_insert(next);
                if queues.len() <= lane {
                    queues.resize_with(lane + 1, VecDeque::new);
                }
                queues[lane].push_back(Job {
                    question,
                    endpoint,
                    lane,
                });
            }
        }
        Self {
            waiting,
            under_way: vec![0; lanes.len()],
            per_lane: per_lane.max(1),
            turn: 0,
        }
    }

    /// The next place to look at. `None` while all that may begin has begun.
    pub fn begin(&mut self) -> Option<Job> {
        let queues = loop {
            let mut lowest = self.waiting.first_entry()?;
            if lowest.get_mut().iter().any(|queue| !queue.is_empty()) {
                break lowest.into_mut();
            }
            lowest.remove();
        };
        let count = queues.len();
        let lane = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|lane| !queues[*lane].is_empty() && self.under_way[*lane] < self.per_lane)?;
        self.turn = lane + 1;
        self.under_way[lane] += 1;
        queues[lane].pop_front()
    }

    pub fn end(&mut self, job: Job) {
        self.under_way[job.lane] -= 1;
    }
}

fn lane(graph: &Graph, ask: Ask, endpoint: EndpointIndex) -> Lane {
    let target = match ask {
        Ask::Endpoint(target) => target,
        Ask::Tags(repository) => graph.repository(repository).0,
        Ask::Tag(tag) => graph.repository(graph.tag(tag).0).0,
        Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) => graph.target_of(unit),
        Ask::Source(unit) => match graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(Source::Registry(repository)) => return Lane::Source(repository.registry.clone()),
            Some(Source::Target { .. }) => {
                let upstream = graph.upstream(unit).unwrap_or(unit);
                return Lane::Endpoint(graph.target_of(upstream), EndpointIndex::PRIMARY);
            }
            None => graph.target_of(unit),
        },
    };
    Lane::Endpoint(target, endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Depth;
    use crate::model::EndpointSet;
    use crate::observe::tests::fixture::Fixture;

    fn question(ask: Ask, at: EndpointSet, class: Class) -> Question {
        Question {
            ask,
            at,
            class,
            depth: Depth::Manifests,
        }
    }

    fn begun(schedule: &mut Schedule) -> Vec<(usize, u8)> {
        std::iter::from_fn(|| schedule.begin())
            .map(|job| (job.question, job.endpoint.0))
            .collect()
    }

    #[test]
    fn endpoints_take_turns_and_none_gets_more_than_its_share() {
        let fixture = Fixture::new();
        let questions = vec![question(Ask::Image(fixture.unit), EndpointSet::first(2), Class::Sweep); 3];
        let mut schedule = Schedule::new(&fixture.graph, &questions, 2);
        assert_eq!(begun(&mut schedule), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        let mut schedule = Schedule::new(&fixture.graph, &questions, 1);
        let first = schedule.begin().unwrap();
        assert_eq!(begun(&mut schedule), [(0, 1)]);
        schedule.end(first);
        assert_eq!(begun(&mut schedule), [(1, 0)]);
    }

    #[test]
    fn nothing_of_a_higher_class_begins_before_all_of_the_lower_has() {
        let fixture = Fixture::new();
        let at = EndpointSet::PRIMARY;
        let questions = [
            question(Ask::Image(fixture.unit), EndpointSet::first(2), Class::Sweep),
            question(Ask::Image(fixture.unit), at, Class::Unblocks),
            question(Ask::Evidence(fixture.unit), at, Class::Unblocks),
        ];
        let mut schedule = Schedule::new(&fixture.graph, &questions, 1);
        let first = schedule.begin().unwrap();
        assert_eq!((first.question, schedule.begin()), (1, None));
        schedule.end(first);
        assert_eq!(begun(&mut schedule), [(2, 0), (0, 1)]);
    }

    #[test]
    fn sources_wait_for_their_registry_and_not_for_the_target() {
        let fixture = Fixture::new();
        let at = EndpointSet::PRIMARY;
        let questions = [
            question(Ask::Image(fixture.unit), at, Class::Unblocks),
            question(Ask::Source(fixture.unit), at, Class::Unblocks),
            question(Ask::Source(fixture.chained), at, Class::Unblocks),
        ];
        let mut schedule = Schedule::new(&fixture.graph, &questions, 1);
        assert_eq!(begun(&mut schedule), [(0, 0), (1, 0)]);
    }
}
