//! What registries answer: everything stands that was not said to be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::facts::{Answer, Ask, Evidence, EvidenceAnswer, ImageAnswer, SourceAnswer, SourceImage};
use crate::graph::Graph;
use crate::model::{
    Admission, CommitId, Digest, EndpointIndex, NodeId, ObstacleKind, PolicyMode, RepoPath, Slot, Source, TagId,
    TargetId, UnitId, Verdict,
};

/// Where the registries are not as they ought to be.
#[derive(Debug)]
pub struct Answers {
    missing: BTreeSet<(NodeId, EndpointIndex)>,
    /// Tags that somebody moved.
    moved: BTreeMap<(TagId, EndpointIndex), Digest>,
    silent: BTreeSet<(TargetId, EndpointIndex)>,
    admission: Arc<Admission>,
}

impl Default for Answers {
    fn default() -> Self {
        let admission = Admission {
            source: "staging.example.com/images".parse().expect("it names a repository"),
            carried: [].into(),
            policy: Digest::of(b"policy"),
            mode: PolicyMode::Off,
            verdict: Verdict::Unchecked,
            commit: CommitId([1; 20]),
            path: RepoPath::from("promotions/p0/r0000.toml"),
            author: "somebody".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        Self {
            missing: BTreeSet::new(),
            moved: BTreeMap::new(),
            silent: BTreeSet::new(),
            admission: Arc::new(admission),
        }
    }
}

impl Answers {
    /// Nothing of a unit stands anywhere.
    pub fn lack(&mut self, graph: &Graph, unit: UnitId) {
        let endpoints = graph.target(graph.target_of(unit)).all_endpoints();
        for slot in graph.unit(unit).slots() {
            let node = NodeId { unit, slot };
            self.missing.extend(endpoints.iter().map(|endpoint| (node, endpoint)));
        }
    }

    /// Somebody has moved a tag.
    pub fn move_tag(&mut self, tag: TagId, endpoint: EndpointIndex, to: Digest) {
        self.moved.insert((tag, endpoint), to);
    }

    /// An endpoint answers nothing, or does again.
    pub fn silence(&mut self, target: TargetId, endpoint: EndpointIndex, is_silent: bool) {
        if is_silent {
            self.silent.insert((target, endpoint));
        } else {
            self.silent.remove(&(target, endpoint));
        }
    }

    /// A node is written at an endpoint.
    pub fn put(&mut self, node: NodeId, endpoint: EndpointIndex) {
        self.missing.remove(&(node, endpoint));
        if let Slot::Tag(tag) = node.slot {
            self.moved.remove(&(tag, endpoint));
        }
    }

    #[must_use]
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// The artifact of a node, which its present signer makes.
    #[must_use]
    pub fn artifact(&self, graph: &Graph, node: NodeId) -> Option<Evidence> {
        let by = graph.unit(node.unit).claim()?.signer.as_ref()?.identity();
        Some(Evidence {
            kind: node.slot.artifact()?,
            digest: Digest::of(graph.node_name(node).as_bytes()),
            by,
        })
    }

    #[must_use]
    pub fn answer(&self, graph: &Graph, ask: Ask, endpoint: EndpointIndex) -> Answer {
        let stands = |unit, slot| !self.missing.contains(&(NodeId { unit, slot }, endpoint));
        let of_target = |target| self.silent.contains(&(target, endpoint));
        let is_silent = match ask {
            Ask::Endpoint(target) => of_target(target),
            Ask::Tags(repository) => of_target(graph.repository(repository).0),
            Ask::Tag(tag) => of_target(graph.repository(graph.tag(tag).0).0),
            Ask::Image(unit) | Ask::Evidence(unit) => of_target(graph.target_of(unit)),
            Ask::Source(_) | Ask::Standing(_) => false,
        };
        if is_silent {
            return Answer::failed(ObstacleKind::Unreachable, "connection refused");
        }
        let value = |tag: TagId| {
            let moved = self.moved.get(&(tag, endpoint)).copied();
            let claimed = graph.units_under(tag).first().copied();
            let claimed = claimed.filter(|unit| stands(*unit, Slot::Tag(tag)));
            moved.or_else(|| Some(graph.unit(claimed?).digest))
        };
        match ask {
            Ask::Endpoint(_) => Answer::Endpoint,
            Ask::Tags(repository) => {
                let tags = graph.tags_of(repository).iter();
                let tags = tags.filter(|tag| value(**tag).is_some());
                Answer::Tags(Some(tags.map(|tag| graph.tag(*tag).1.clone()).collect()))
            }
            Ask::Tag(tag) => Answer::Tag(value(tag)),
            Ask::Image(unit) if stands(unit, Slot::Image) => Answer::Image(ImageAnswer::WholeWith([].into())),
            Ask::Image(_) => Answer::Image(ImageAnswer::Lacking),
            Ask::Evidence(unit) => {
                let slots = graph.unit(unit).slots().filter(|slot| stands(unit, *slot));
                let found = slots.filter_map(|slot| self.artifact(graph, NodeId { unit, slot }));
                Answer::Evidence(EvidenceAnswer {
                    found: found.collect(),
                    ..EvidenceAnswer::default()
                })
            }
            Ask::Source(unit) => Answer::Source(source(graph, unit)),
            Ask::Standing(_) => Answer::Source(SourceAnswer::Absent),
        }
    }
}

fn source(graph: &Graph, unit: UnitId) -> SourceAnswer {
    match graph.unit(unit).claim().map(|claim| &claim.source) {
        Some(Source::Registry(repository)) => SourceAnswer::Whole(Arc::new(SourceImage {
            repository: repository.clone(),
            below: [].into(),
            needs: [].into(),
            carried: [].into(),
            found_standing: false,
            found: Vec::new(),
        })),
        _ => SourceAnswer::Absent,
    }
}
