//! What the registries hold, drawn from a seed by the names of places, so that numbers and order do not matter.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::facts::{
    Answer, Ask, Depth, Evidence, EvidenceAnswer, Facts, ImageAnswer, Memory, SourceAnswer, SourceImage, Values,
};
use crate::graph::Graph;
use crate::graph::testing::release;
use crate::model::{
    Admission, ArtifactKind, Capability, Carried, CarriedKind, CommitId, Digest, EndpointIndex, EndpointSet, NodeId,
    Obstacle, ObstacleKind, PolicyMode, RepositoryId, SignerIdentity, Slot, TagId, UnitId, Verdict,
};
use crate::plan::{Action, Content, Planned, Scope, plan};

/// Percentages.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    pub seed: u64,
    /// How much of what is wanted stands.
    pub standing: u64,
    /// How many places do not answer, or refuse.
    pub failing: u64,
    /// How much landfall remembers.
    pub remembered: u64,
}

impl Truth {
    /// Everything stands, everything answers.
    pub const WHOLE: Self = Self {
        seed: 0,
        standing: 100,
        failing: 0,
        remembered: 100,
    };
    /// Nothing stands, the sources are whole, nothing is remembered.
    pub const EMPTY: Self = Self {
        standing: 0,
        remembered: 0,
        ..Self::WHOLE
    };

    fn roll(&self, what: &str, place: &str) -> u64 {
        let drawn = Digest::of(format!("{}/{what}/{place}", self.seed).as_bytes());
        u64::from_be_bytes(drawn.as_bytes()[..8].try_into().unwrap()) % 100
    }

    fn stands(&self, what: &str, place: &str) -> bool {
        self.roll(what, place) < self.standing
    }

    fn failure(&self, what: &str, place: &str) -> Option<Answer> {
        let roll = self.roll(&format!("failing {what}"), place);
        (roll < self.failing).then(|| match roll % 2 {
            0 => Answer::failed(ObstacleKind::Interrupted, "the connection broke"),
            _ => Answer::failed(ObstacleKind::Denied, "no credentials"),
        })
    }

    /// The answer to one question at one endpoint.
    /// What stands is offered whole.
    fn standing(graph: &Graph, unit: UnitId) -> SourceAnswer {
        SourceAnswer::Whole(Arc::new(SourceImage {
            below: Arc::default(),
            repository: graph.place(graph.unit(unit).repository, EndpointIndex::PRIMARY),
            needs: [].into(),
            carried: carried(graph, unit),
            found_standing: true,
            found: Vec::new(),
        }))
    }

    pub fn answer(&self, graph: &Graph, ask: Ask, endpoint: EndpointIndex) -> Answer {
        let kind = match ask {
            Ask::Endpoint(_) => "endpoint",
            Ask::Tags(_) => "list",
            Ask::Image(_) => "image",
            Ask::Evidence(_) => "evidence",
            Ask::Tag(_) => "tag",
            Ask::Source(_) => "source",
            Ask::Standing(_) => "standing",
        };
        let place = match ask {
            Ask::Endpoint(target) => format!("{}/{}", graph.target(target).name, endpoint.0),
            Ask::Tags(repository) => self.place(graph, repository, endpoint),
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => {
                image(graph, unit, endpoint)
            }
            Ask::Tag(tag) => self.tag_place(graph, tag, endpoint),
        };
        if let Some(failure) = self.failure(kind, &place) {
            return failure;
        }
        match ask {
            Ask::Endpoint(_) => Answer::Endpoint,
            Ask::Tags(repository) => Answer::Tags(self.exists(graph, repository, endpoint).then(|| {
                graph
                    .tags_of(repository)
                    .iter()
                    .filter(|tag| self.tag(graph, **tag, endpoint).is_some())
                    .map(|tag| graph.tag(*tag).1.clone())
                    .collect()
            })),
            Ask::Image(unit) => Answer::Image(if self.image(graph, unit, endpoint) {
                ImageAnswer::Whole
            } else {
                ImageAnswer::Lacking
            }),
            Ask::Evidence(unit) => Answer::Evidence(self.evidence(graph, unit, endpoint)),
            Ask::Tag(tag) => Answer::Tag(self.tag(graph, tag, endpoint)),
            Ask::Source(unit) => Answer::Source(self.source(graph, unit)),
            Ask::Standing(unit) => Answer::Source(Self::standing(graph, unit)),
        }
    }

    /// The answer to a question of some depth: what has its manifests may lack blobs.
    pub fn answer_to(&self, depth: Depth, graph: &Graph, ask: Ask, endpoint: EndpointIndex) -> Answer {
        match (ask, self.answer(graph, ask, endpoint)) {
            (Ask::Image(unit), Answer::Image(ImageAnswer::Whole))
                if depth == Depth::Blobs && !self.stands("blobs", &image(graph, unit, endpoint)) =>
            {
                Answer::Image(ImageAnswer::Lacking)
            }
            (_, answer) => answer,
        }
    }

    fn place(&self, graph: &Graph, repository: RepositoryId, endpoint: EndpointIndex) -> String {
        graph.place(repository, endpoint).to_string()
    }

    fn tag_place(&self, graph: &Graph, tag: TagId, endpoint: EndpointIndex) -> String {
        let (repository, tag) = graph.tag(tag);
        format!("{}:{tag}", self.place(graph, repository, endpoint))
    }

    fn exists(&self, graph: &Graph, repository: RepositoryId, endpoint: EndpointIndex) -> bool {
        self.stands("repository", &self.place(graph, repository, endpoint))
    }

    fn image(&self, graph: &Graph, unit: UnitId, endpoint: EndpointIndex) -> bool {
        self.exists(graph, graph.unit(unit).repository, endpoint) && self.stands("image", &image(graph, unit, endpoint))
    }

    fn evidence(&self, graph: &Graph, unit: UnitId, endpoint: EndpointIndex) -> EvidenceAnswer {
        let place = image(graph, unit, endpoint);
        let exists = self.exists(graph, graph.unit(unit).repository, endpoint);
        let mut answer = EvidenceAnswer {
            missing_carried: carried(graph, unit)
                .iter()
                .filter(|carried| !exists || !self.stands(&carried.digest.hex(), &place))
                .cloned()
                .collect(),
            ..EvidenceAnswer::default()
        };
        for slot in graph.unit(unit).slots().filter(|_| exists) {
            let name = graph.node_name(NodeId { unit, slot });
            if !self.stands(&name, &place) {
                continue;
            }
            // Mostly the same artifact everywhere, sometimes a second one.
            let which = usize::from(self.roll("second", &(name.clone() + &place)) < 20);
            let digest = Digest::of(format!("{name}/{which}").as_bytes());
            let Some(kind) = slot.artifact() else { continue };
            let by = release();
            answer.found.push(Evidence { kind, digest, by });
            if matches!(kind, ArtifactKind::Attestation(_)) {
                answer.admission = Some(admission(graph, unit));
            }
        }
        answer
    }

    /// What a tag stands on: nothing, what is wanted, another declared digest, or a foreign one.
    fn tag(&self, graph: &Graph, tag: TagId, endpoint: EndpointIndex) -> Option<Digest> {
        let place = self.tag_place(graph, tag, endpoint);
        if !self.exists(graph, graph.tag(tag).0, endpoint) {
            return None;
        }
        if self.stands("tag", &place) {
            return wanted(graph, tag);
        }
        match self.roll("instead", &place) {
            0..20 => Some(declared(graph, tag)),
            20..30 => Some(Digest::of(b"foreign")),
            _ => None,
        }
    }

    fn source(&self, graph: &Graph, unit: UnitId) -> SourceAnswer {
        // Failures of a source are as rare as those of places.
        let roll = self.roll("source", &image(graph, unit, EndpointIndex::PRIMARY));
        if roll < self.failing {
            return match roll % 3 {
                0 => SourceAnswer::Absent,
                1 => SourceAnswer::Lacking([Digest::of(b"child")].into()),
                _ => SourceAnswer::Refused(Arc::new(Obstacle::new(ObstacleKind::Content, "it is Docker schema 1"))),
            };
        }
        SourceAnswer::Whole(Arc::new(SourceImage {
            below: Arc::default(),
            repository: "staging.test/somewhere".parse().unwrap(),
            needs: [Capability::OciImage, Capability::OciIndex].into(),
            carried: carried(graph, unit),
            found_standing: false,
            found: Vec::new(),
        }))
    }

    /// What landfall's state knows.
    pub fn memory(&self, graph: &Graph) -> Memory {
        let remembers = |what: &str, name: &str| self.roll(&format!("memory of {what}"), name) < self.remembered;
        let mut memory = Memory::default();
        for unit in graph.wanted() {
            let name = image(graph, unit, EndpointIndex::PRIMARY);
            if remembers("admission", &name) {
                memory.admissions.insert(unit, admission(graph, unit));
            }
            let all = graph.target(graph.target_of(unit)).all_endpoints();
            let unfinished: EndpointSet = all
                .iter()
                .filter(|endpoint| self.roll("an unfinished copy", &image(graph, unit, *endpoint)) < 5)
                .collect();
            if !unfinished.is_empty() {
                memory.unfinished.insert(unit, unfinished);
            }
            if self.roll("new", &name) < 70 {
                memory.new.insert(unit);
            }
            for slot in graph.unit(unit).slots() {
                let node = NodeId { unit, slot };
                let name = graph.node_name(node);
                match slot {
                    Slot::Signature(_) | Slot::Attestation(_) if remembers("making", &name) => {
                        memory.note_made(node, release());
                        if remembers("journal", &name) {
                            memory
                                .waiting
                                .insert((node, release()), Digest::of(format!("{name}/0").as_bytes()));
                        }
                    }
                    Slot::Tag(tag) => {
                        memory.declared.insert(tag, vec![declared(graph, tag)]);
                        let mut written = Values::default();
                        for endpoint in graph.target(graph.target_of(unit)).all_endpoints().iter() {
                            if remembers("writing", &self.tag_place(graph, tag, endpoint)) {
                                written.set(endpoint, graph.unit(unit).digest);
                            }
                        }
                        memory.written.insert(tag, written);
                    }
                    _ => {}
                }
            }
        }
        memory
    }
}

fn image(graph: &Graph, unit: UnitId, endpoint: EndpointIndex) -> String {
    let unit = graph.unit(unit);
    format!("{}@{}", graph.place(unit.repository, endpoint), unit.digest)
}

/// Every second image has a referrer.
fn carried(graph: &Graph, unit: UnitId) -> Arc<[Carried]> {
    let subject = graph.unit(unit).digest;
    if subject.as_bytes()[0].is_multiple_of(2) {
        return [].into();
    }
    [Carried {
        digest: Digest::of(format!("bill of materials of {subject}").as_bytes()),
        kind: CarriedKind::Referrer { subject },
    }]
    .into()
}

pub fn admission(graph: &Graph, unit: UnitId) -> Arc<Admission> {
    Arc::new(Admission {
        source: "staging.test/somewhere".parse().unwrap(),
        carried: carried(graph, unit),
        policy: Digest::of(b"policy"),
        mode: PolicyMode::Off,
        verdict: Verdict::Unchecked,
        commit: CommitId([7; 20]),
        path: "promotions/some.toml".into(),
        author: "somebody".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    })
}

fn wanted(graph: &Graph, tag: TagId) -> Option<Digest> {
    graph
        .wanted()
        .map(|unit| graph.unit(unit))
        .find(|unit| unit.tags.contains(&tag))
        .map(|unit| unit.digest)
}

/// What an earlier commit declared for a tag.
pub fn declared(graph: &Graph, tag: TagId) -> Digest {
    Digest::of(format!("earlier {}", graph.tag(tag).1).as_bytes())
}

/// A graph, what is known and what is true.
pub struct World {
    pub graph: Graph,
    pub facts: Facts,
    pub memory: Memory,
    pub truth: Truth,
    pub scope: Scope,
    pub now: Timestamp,
}

impl World {
    pub fn new(graph: Graph, truth: Truth) -> Self {
        Self {
            facts: Facts::new(&graph),
            memory: truth.memory(&graph),
            scope: Scope::default(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            graph,
            truth,
        }
    }

    pub fn plan(&self) -> Planned {
        plan(&self.graph, &self.facts, &self.memory, &self.scope, self.now)
    }

    pub fn record(&mut self, ask: Ask, endpoint: EndpointIndex, answer: Answer) {
        self.facts
            .record(&self.graph, ask, Depth::Manifests, endpoint, answer, self.now);
    }

    /// Answers those of the questions that `which` chooses.
    pub fn answer(&mut self, planned: &Planned, mut which: impl FnMut() -> bool) {
        for question in &planned.questions {
            for endpoint in question.at.iter().filter(|_| which()) {
                let answer = self
                    .truth
                    .answer_to(question.depth, &self.graph, question.ask, endpoint);
                self.facts
                    .record(&self.graph, question.ask, question.depth, endpoint, answer, self.now);
            }
        }
    }

    fn signer(&self, unit: UnitId) -> SignerIdentity {
        let claim = self.graph.unit(unit).claim().expect("only wanted images have steps");
        claim.signer.as_ref().expect("only signed ones are signed").identity()
    }

    /// Plans and has every question answered until there are none.
    pub fn settle(&mut self) -> Planned {
        const ROUNDS: usize = 12;
        for _ in 0..ROUNDS {
            let planned = self.plan();
            if planned.questions.is_empty() {
                return planned;
            }
            self.answer(&planned, || true);
        }
        panic!("questions remain after {ROUNDS} rounds: {:?}", self.plan().questions)
    }

    /// Does what is planned, as far as the facts are concerned.
    pub fn perform(&mut self, planned: &Planned) {
        let mut made: HashMap<NodeId, Digest> = HashMap::new();
        for step in &planned.steps {
            let unit = step.node.unit;
            if !self.memory.admissions.contains_key(&unit) {
                let admitted = admission(&self.graph, unit);
                self.memory.admissions.insert(unit, admitted);
            }
            match &step.action {
                Action::Sign => {
                    let digest = Digest::of(format!("made {}", self.graph.node_name(step.node)).as_bytes());
                    made.insert(step.node, digest);
                    let by = self.signer(unit);
                    self.memory.note_made(step.node, by);
                    self.memory.waiting.insert((step.node, by), digest);
                }
                Action::Copy { carried, .. } => {
                    for endpoint in step.at.iter() {
                        self.facts.copied(&self.graph, unit, endpoint, carried, self.now);
                        self.memory.unfinished.entry(unit).or_default().remove(endpoint);
                    }
                }
                Action::Attach { content, .. } => {
                    let digest = match content {
                        Content::Known(digest) | Content::Journal(digest) => *digest,
                        Content::MadeHere => made[&step.node],
                    };
                    let evidence = Evidence {
                        kind: step.node.slot.artifact().expect("artifacts are attached"),
                        digest,
                        by: self.signer(unit),
                    };
                    for endpoint in step.at.iter() {
                        self.facts.attached(unit, endpoint, evidence);
                    }
                }
                Action::Tag { tag, digest, .. } => {
                    for endpoint in step.at.iter() {
                        self.facts.tagged(*tag, endpoint, *digest, self.now);
                    }
                }
                Action::Remove { .. } => {
                    for endpoint in step.at.iter() {
                        self.facts.doubt(&self.graph, Ask::Evidence(unit), endpoint);
                    }
                }
            }
        }
    }
}
