//! What a commit changes about what is known: it makes forgotten what it made untrue, and nothing else.

use super::store::{Ages, Known, Values};
use super::{Ask, Facts, Memory};
use crate::graph::{Graph, Renumbered, Touched};
use crate::model::{EndpointIndex, EndpointSet, TagId, TargetId, UnitId};

impl Facts {
    /// Follows an update of the graph. Answers go on counting for the endpoint that gave them, whatever its number or
    /// name is now; of units whose signers changed, signatures are looked for anew.
    pub fn follow(&mut self, graph: &Graph, touched: &Touched) {
        for renumbered in &touched.endpoints {
            self.renumber(graph, renumbered);
        }
        let all = EndpointSet::first(crate::model::MAX_ENDPOINTS);
        for unit in &touched.evidence {
            if let Some(facts) = self.units.get_mut(unit.index()) {
                facts.forget_evidence(all);
                facts.admission = None;
            }
            self.failures.retain(|(ask, _), _| *ask != Ask::Evidence(*unit));
        }
        for unit in &touched.sources {
            self.sources.remove(unit);
            self.not_standing.remove(unit);
        }
        self.grow(graph);
    }

    fn renumber(&mut self, graph: &Graph, renumbered: &Renumbered) {
        let is_of = |target: TargetId| target == renumbered.target;
        if let Some(known) = self.endpoints.get_mut(renumbered.target.index()) {
            known.renumber(renumbered);
        }
        for (index, facts) in self.repositories.iter_mut().enumerate() {
            if is_of(graph.repository(crate::model::RepositoryId(index as u32)).0) {
                facts.list.renumber(renumbered);
                renumber_sets(&mut facts.names, renumbered);
                facts.looked.renumber(renumbered);
            }
        }
        for (index, facts) in self.tags.iter_mut().enumerate() {
            if is_of(graph.repository(graph.tag(TagId(index as u32)).0).0) {
                facts.known.renumber(renumbered);
                facts.values.renumber(renumbered);
                facts.listed = renumbered.set(facts.listed);
                facts.looked.renumber(renumbered);
            }
        }
        for (index, facts) in self.units.iter_mut().enumerate() {
            if is_of(graph.target_of(UnitId(index as u32))) {
                facts.image.renumber(renumbered);
                facts.blobs = renumbered.set(facts.blobs);
                facts.evidence.renumber(renumbered);
                renumber_sets(&mut facts.found, renumbered);
                renumber_sets(&mut facts.twice, renumbered);
                renumber_sets(&mut facts.missing_carried, renumbered);
                facts.image_looked.renumber(renumbered);
                facts.evidence_looked.renumber(renumbered);
            }
        }
        for (unit, at) in &mut self.not_standing {
            if is_of(graph.target_of(*unit)) {
                *at = renumbered.set(*at);
            }
        }
        let target_of = |ask: Ask| match ask {
            Ask::Endpoint(target) => Some(target),
            Ask::Tags(repository) => Some(graph.repository(repository).0),
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) => Some(graph.target_of(unit)),
            Ask::Tag(tag) => Some(graph.repository(graph.tag(tag).0).0),
            // A source is asked at no endpoint.
            Ask::Source(_) => None,
        };
        let failures = std::mem::take(&mut self.failures);
        let failures = failures.into_iter().filter_map(|((ask, endpoint), error)| {
            let now_at = match target_of(ask).is_some_and(is_of) {
                true => renumbered.endpoint(endpoint)?,
                false => endpoint,
            };
            Some(((ask, now_at), error))
        });
        self.failures = failures.collect();
    }
}

impl Memory {
    /// Follows the endpoints of a target to their new numbers.
    pub fn renumber(&mut self, graph: &Graph, renumbered: &Renumbered) {
        let is_of = |target: TargetId| target == renumbered.target;
        for (tag, values) in &mut self.written {
            if is_of(graph.repository(graph.tag(*tag).0).0) {
                values.renumber(renumbered);
            }
        }
        for (unit, at) in &mut self.unfinished {
            if is_of(graph.target_of(*unit)) {
                *at = renumbered.set(*at);
            }
        }
        renumber_keys(&mut self.silent_since, renumbered, |target| is_of(*target));
        renumber_keys(&mut self.capabilities, renumbered, |target| is_of(*target));
        let node_is_of = |node: &crate::model::NodeId| is_of(graph.target_of(node.unit));
        renumber_keys(&mut self.attempts, renumbered, node_is_of);
        renumber_keys(&mut self.tried, renumbered, node_is_of);
    }
}

fn renumber_keys<K: Eq + std::hash::Hash, V>(
    map: &mut std::collections::HashMap<(K, EndpointIndex), V>,
    renumbered: &Renumbered,
    is_of: impl Fn(&K) -> bool,
) {
    let entries = std::mem::take(map);
    let entries = entries.into_iter().filter_map(|((key, endpoint), value)| {
        let now_at = if is_of(&key) {
            renumbered.endpoint(endpoint)?
        } else {
            endpoint
        };
        Some(((key, now_at), value))
    });
    *map = entries.collect();
}

fn renumber_sets<T>(sets: &mut Vec<(T, EndpointSet)>, renumbered: &Renumbered) {
    sets.retain_mut(|(_, at)| {
        *at = renumbered.set(*at);
        !at.is_empty()
    });
}

impl Known {
    fn renumber(&mut self, renumbered: &Renumbered) {
        for set in [
            &mut self.present,
            &mut self.absent,
            &mut self.forbidden,
            &mut self.unknown,
        ] {
            *set = renumbered.set(*set);
        }
    }
}

impl Values {
    fn renumber(&mut self, renumbered: &Renumbered) {
        renumber_sets(&mut self.0, renumbered);
    }
}

impl Ages {
    fn renumber(&mut self, renumbered: &Renumbered) {
        let before = std::mem::take(self);
        for endpoint in EndpointSet::first(crate::model::MAX_ENDPOINTS).iter() {
            let ticks = before.get(endpoint);
            if let Some(now_at) = renumbered.endpoint(endpoint).filter(|_| ticks > 0) {
                self.set(now_at, ticks);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::facts::{Answer, Attempt, Bounds, Depth, Evidence, EvidenceAnswer, ImageAnswer};
    use crate::graph::testing::{Manifests, claim, digest, release, signed_with, target};
    use crate::model::{ArtifactKind, NodeId, Obstacle, ObstacleKind, RepositoryId, SignatureForm, Slot};

    const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
    const ASIA: EndpointIndex = EndpointIndex(1);
    const EUROPE: EndpointIndex = EndpointIndex(2);
    const UNIT: UnitId = UnitId(0);
    const TAG: TagId = TagId(0);
    const TARGET: TargetId = TargetId(0);

    fn production(mirrors: &[&str]) -> Manifests {
        Manifests::new([target("production", mirrors)]).with("dns", claim("dns/coredns", "a", &["v1"]))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn signature() -> Evidence {
        Evidence {
            kind: ArtifactKind::Signature(SignatureForm::Bundle),
            digest: digest("signature"),
            by: release(),
        }
    }

    /// Everything stands at asia and was looked at, nothing at europe; the primary does not answer.
    fn known(graph: &Graph) -> Facts {
        let mut facts = Facts::new(graph);
        let mut record = |ask, endpoint, answer| facts.record(graph, ask, Depth::Blobs, endpoint, answer, at(1_000));
        let repository = Ask::Tags(RepositoryId(0));
        let silent = Answer::failed(ObstacleKind::Unreachable, "refused");
        record(Ask::Endpoint(TARGET), PRIMARY, silent);
        for endpoint in [ASIA, EUROPE] {
            record(Ask::Endpoint(TARGET), endpoint, Answer::Endpoint);
        }
        record(repository, ASIA, Answer::Tags(Some(vec!["v1".parse().unwrap()])));
        record(repository, EUROPE, Answer::Tags(None));
        record(Ask::Image(UNIT), ASIA, Answer::Image(ImageAnswer::Whole));
        record(Ask::Image(UNIT), EUROPE, Answer::Image(ImageAnswer::Lacking));
        record(Ask::Tag(TAG), ASIA, Answer::Tag(Some(digest("a"))));
        let found = EvidenceAnswer {
            found: vec![signature()],
            ..EvidenceAnswer::default()
        };
        record(Ask::Evidence(UNIT), ASIA, Answer::Evidence(found));
        record(Ask::Evidence(UNIT), EUROPE, Answer::Evidence(EvidenceAnswer::default()));
        facts
    }

    #[test]
    fn what_is_known_of_an_endpoint_follows_its_prefix() {
        let mut graph = Graph::new(&production(&["asia", "europe"]).desired());
        let mut facts = known(&graph);
        // africa comes before the others, asia is called otherwise, europe is another registry.
        let mut after = production(&["africa", "asia", "europe"]);
        after.targets[0].endpoints[2].name = "tokyo".into();
        after.targets[0].endpoints[3].prefix = "other.test/production".parse().unwrap();
        let touched = graph.update(&after.desired());
        facts.follow(&graph, &touched);
        let tokyo = EndpointIndex(2);
        let only = EndpointSet::only(tokyo);
        assert_eq!(facts.endpoints(TARGET).present, only);
        assert_eq!(facts.endpoints(TARGET).asked().len(), 2, "the primary, and tokyo");
        assert!(facts.failure(Ask::Endpoint(TARGET), PRIMARY).is_some());
        assert_eq!(facts.list(RepositoryId(0)).asked(), only);
        assert_eq!(facts.present(UNIT, EndpointSet::first(4)), only);
        assert_eq!(facts.unit(UNIT).image.asked(), only);
        assert_eq!(facts.unit(UNIT).evidence.asked(), only);
        assert_eq!(facts.unit(UNIT).found_at(signature()), only);
        assert_eq!(facts.tag(TAG).values.get(tokyo), Some(digest("a")));
        assert_eq!(facts.tag(TAG).known.asked(), only);
        // Ages came along: what was looked at 100 s ago is not older than that.
        let bound = jiff::SignedDuration::from_secs(150);
        let bounds = Bounds {
            tags: bound,
            images: bound,
            evidence: bound,
        };
        facts.begin_pass(&bounds, at(1_100));
        assert_eq!(facts.unit(UNIT).evidence.asked(), only);
        facts.begin_pass(&bounds, at(1_200));
        assert_eq!(facts.unit(UNIT).evidence.asked(), EndpointSet::EMPTY);
    }

    #[test]
    fn another_key_makes_signatures_asked_anew_and_nothing_else() {
        let before = production(&["asia", "europe"]).desired();
        let mut graph = Graph::new(&before);
        let mut facts = known(&graph);
        let rotated = signed_with(claim("dns/coredns", "a", &["v1"]), "another key", &["a public key"]);
        let after = Manifests::new([target("production", &["asia", "europe"])]).with("dns", rotated);
        let touched = graph.update(&after.desired_after(&before));
        facts.follow(&graph, &touched);
        assert_eq!(facts.unit(UNIT).evidence.asked(), EndpointSet::EMPTY);
        assert_eq!(facts.unit(UNIT).found, []);
        assert_eq!(facts.unit(UNIT).image.asked().len(), 2);
        assert_eq!(facts.tag(TAG).values.get(ASIA), Some(digest("a")));
    }

    #[test]
    fn silence_and_failures_are_remembered_of_the_same_registry() {
        let mut graph = Graph::new(&production(&["asia", "europe"]).desired());
        let mut memory = Memory::default();
        let node = NodeId {
            unit: UNIT,
            slot: Slot::Image,
        };
        for endpoint in [ASIA, EUROPE] {
            memory
                .silent_since
                .insert((TARGET, endpoint), at(i64::from(endpoint.0)));
            memory.attempts.insert((node, endpoint), Attempt::default());
            memory.tried.insert(
                (node, endpoint),
                Arc::new(Obstacle::new(ObstacleKind::Refused, "refused")),
            );
        }
        memory.written.entry(TAG).or_default().set(EUROPE, digest("a"));
        let touched = graph.update(&production(&["europe"]).desired());
        for renumbered in &touched.endpoints {
            memory.renumber(&graph, renumbered);
        }
        let europe = EndpointIndex(1);
        assert_eq!(memory.silent_since, [((TARGET, europe), at(2))].into());
        assert_eq!(memory.attempts.keys().collect::<Vec<_>>(), [&(node, europe)]);
        assert_eq!(memory.tried.len(), 1);
        assert_eq!(memory.written[&TAG].get(europe), Some(digest("a")));
    }
}
