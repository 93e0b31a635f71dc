//! One image, a source and three endpoints.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::looking::Looker;
use super::memory::StateInMemory;
use super::world::{Points, TestRegistries, TestSigners, TestWorld};
use crate::execute::{
    Concurrency, ExecutionContext, ExecutionOptions, Silent, StepOutcome, Stop, UnitAdmission, execute,
};
use crate::facts::{Bounds, Depth, Evidence, Facts, SourceAnswer, SourceFact};
use crate::graph::Graph;
use crate::model::{
    Admission, AttestationKind, Carried, CarriedKind, Claim, CommitId, Desired, Digest, Drift, Endpoint, EndpointIndex,
    EndpointSet, Limits, Manifest, Origin, PolicyMode, ProjectClaims, Repository, SignatureForm, SignaturePlacement,
    Signer, Source, Tag, Target, TargetMode, UnitId, Verdict,
};
use crate::plan::{Action, Planned, Scope, Step, plan};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{FaultPlan, MemoryRegistries, Store, WriteKind};
use crate::transfer::TransferLimits;
use crate::trust::PrivateKey;

pub const ENDPOINTS: [&str; 3] = ["primary", "asia", "europe"];

pub fn endpoint(name: &str) -> EndpointIndex {
    EndpointIndex(ENDPOINTS.iter().position(|known| *known == name).unwrap() as u8)
}

pub fn place(name: &str) -> Repository {
    format!("{name}.test/acme/dns/coredns").parse().unwrap()
}

pub fn tag() -> Tag {
    "v1".parse().unwrap()
}

/// What a test varies.
pub struct Choices {
    pub placement: SignaturePlacement,
    pub signed: bool,
    pub faults: FaultPlan,
    /// Only the first has something that travels with it.
    pub images: usize,
    pub recipe: ImageRecipe,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            placement: SignaturePlacement::Replicate,
            signed: true,
            faults: FaultPlan::default(),
            images: 1,
            recipe: ImageRecipe::multi(2),
        }
    }
}

pub struct Scenario {
    pub store: Store,
    pub graph: Graph,
    pub world: Arc<TestWorld>,
    pub points: Arc<Points>,
    pub image: Image,
    pub carried: Arc<[Carried]>,
    pub source: Repository,
    /// How deep is looked at what stands.
    pub depth: Depth,
}

/// What a pass planned and what became of it.
#[derive(Debug)]
pub struct Pass {
    pub steps: Vec<Step>,
    pub outcomes: Vec<StepOutcome>,
}

impl Scenario {
    pub fn new(choices: Choices) -> Self {
        let source: Repository = "source.test/staging/coredns".parse().unwrap();
        let store = Store::new();
        let images: Vec<Image> = (0..choices.images)
            .map(|number| choices.recipe.make(Seed(1 + number as u64)))
            .collect();
        images.iter().for_each(|image| image.push(&store, &source));
        let image = images[0].clone();
        let sbom = image.sbom_referrer();
        let about_sbom = sbom.attestation_referrer();
        let tagged = ["sig", "att", "sbom"].map(|suffix| (suffix, image.cosign_tag(suffix)));
        for attached in [&sbom, &about_sbom]
            .into_iter()
            .chain(tagged.iter().map(|(_, image)| image))
        {
            attached.push(&store, &source);
        }
        let referrer = |digest, subject| Carried {
            digest,
            kind: CarriedKind::Referrer { subject },
        };
        let cosign_tag = |(suffix, attached): &(&str, Image)| Carried {
            digest: attached.root(),
            kind: CarriedKind::CosignTag {
                subject: image.root(),
                suffix: (*suffix).to_owned(),
            },
        };
        // Out of order on purpose: what refers comes before what it refers to.
        let carried: Arc<[Carried]> = [
            referrer(about_sbom.root(), sbom.root()),
            referrer(sbom.root(), image.root()),
        ]
        .into_iter()
        .chain(tagged.iter().map(cosign_tag))
        .collect();
        let key = PrivateKey::generate().unwrap();
        let signer = Arc::new(Signer {
            name: "release".into(),
            key: key.public_key().to_signer_key(),
            previous: Vec::new(),
            formats: vec![SignatureForm::Bundle, SignatureForm::Tag],
        });
        let graph = Graph::new(&desired(&source, &images, &choices, &signer));
        let points = Arc::new(Points::default());
        let world = Arc::new(TestWorld {
            registries: TestRegistries {
                inner: MemoryRegistries::seeded(store.clone(), Seed(1), choices.faults),
                points: Arc::clone(&points),
                before_put: Arc::default(),
            },
            signers: TestSigners {
                key,
                points: Arc::clone(&points),
                signed: AtomicUsize::new(0),
                other_key: None,
                fails: false,
            },
            state: StateInMemory::default(),
        });
        Self {
            store,
            graph,
            world,
            points,
            image,
            carried,
            source,
            depth: Depth::default(),
        }
    }

    /// Claims another image instead, with nothing that travels with it.
    pub fn claim(&mut self, image: &Image) {
        let signer = self
            .graph
            .unit(self.unit())
            .claim()
            .and_then(|claim| claim.signer.clone());
        let images = [image.clone()];
        self.graph = Graph::new(&desired(&self.source, &images, &Choices::default(), &signer.unwrap()));
        self.image = image.clone();
        self.carried = Arc::default();
    }

    pub fn world_mut(&mut self) -> &mut TestWorld {
        Arc::get_mut(&mut self.world).unwrap()
    }

    pub fn unit(&self) -> UnitId {
        UnitId(0)
    }

    pub fn signatures_made(&self) -> usize {
        self.world.signers.signed.load(Ordering::SeqCst)
    }

    pub fn looker(&self) -> Looker<'_> {
        Looker {
            store: &self.store,
            graph: &self.graph,
            source: &self.source,
            carried: (self.image.root(), &self.carried),
            key: self.world.signers.key.public_key(),
        }
    }

    /// What of ours stands at an endpoint and verifies.
    pub fn found(&self, name: &str) -> Vec<Evidence> {
        let mut found = self.looker().found(&place(name), self.unit());
        found.sort_unstable();
        found
    }

    /// Looks at everything and plans.
    pub fn plan(&self) -> (Planned, ExecutionContext) {
        let looker = self.looker();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let scope = Scope {
            depth: self.depth,
            ..Scope::default()
        };
        let memory = self.world.state.memory(&self.graph);
        let mut facts = Facts::new(&self.graph);
        facts.begin_pass(&Bounds::FRESH, now);
        loop {
            let planned = plan(&self.graph, &facts, &memory, &scope, now);
            if planned.questions.is_empty() {
                let context = self.context(&facts, &memory);
                return (planned, context);
            }
            for question in &planned.questions {
                for endpoint in question.at.iter() {
                    let answer = looker.answer(question.ask, question.depth, endpoint);
                    facts.record(&self.graph, question.ask, question.depth, endpoint, answer, now);
                }
            }
        }
    }

    fn context(&self, facts: &Facts, memory: &crate::facts::Memory) -> ExecutionContext {
        let mut admissions = HashMap::new();
        for unit in self.graph.wanted() {
            let known = memory.admissions.get(&unit).cloned();
            let is_new = known.is_none();
            let admission = match (known, facts.source(unit)) {
                (Some(admission), _) => admission,
                (None, Some(SourceFact::Answered(SourceAnswer::Whole(image)))) => Arc::new(Admission {
                    source: image.repository.clone(),
                    carried: Arc::clone(&image.carried),
                    policy: Digest::of(b"off"),
                    mode: PolicyMode::Off,
                    verdict: Verdict::Unchecked,
                    commit: CommitId([7; 20]),
                    path: "promotions/dns/coredns.toml".into(),
                    author: "Ada <ada@example.com>".to_owned(),
                    at: jiff::Timestamp::UNIX_EPOCH,
                }),
                (None, _) => continue,
            };
            let source = self.source.clone();
            admissions.insert(
                unit,
                UnitAdmission {
                    admission,
                    is_new,
                    recorded: false,
                    source,
                },
            );
        }
        ExecutionContext {
            admissions,
            options: ExecutionOptions {
                git_url: "https://git.example.com/acme/images".into(),
                limits: Limits::default(),
                concurrency: Concurrency::default(),
                transfer: TransferLimits::default(),
            },
        }
    }

    pub async fn run(&self, steps: &[Step], context: &ExecutionContext) -> Vec<StepOutcome> {
        execute(&self.world, &self.graph, steps, context, &Silent, &Stop::new()).await
    }

    pub async fn pass(&self) -> Pass {
        let (planned, context) = self.plan();
        let outcomes = self.run(&planned.steps, &context).await;
        Pass {
            steps: planned.steps,
            outcomes,
        }
    }

    /// A pass in which all that is planned is done, nothing else is written, and after which nothing is left to do.
    pub async fn converge(&self) -> Pass {
        let mark = self.store.now();
        let pass = self.pass().await;
        self.assert_writes_belong_to(mark, &pass);
        for outcome in &pass.outcomes {
            assert!(outcome.outcome.is_done(), "{outcome:?}");
        }
        self.assert_converged();
        pass
    }

    /// Checks that what was written since `mark` was written where the steps say, and is what they speak of.
    pub fn assert_writes_belong_to(&self, mark: u64, pass: &Pass) {
        let (mut places, mut tags) = (BTreeSet::new(), BTreeSet::new());
        for step in &pass.steps {
            let repository = self.graph.unit(step.node.unit).repository;
            let image = self.graph.unit(step.node.unit).digest;
            let sbom = self.image.sbom_referrer().root();
            let subject = self.image.root_manifest();
            let refers_to = Manifest::parse(&subject.bytes, None, &Limits::default())
                .unwrap()
                .subject;
            let refers_to = refers_to.map_or(image, |subject| subject.digest);
            let subjects = [image, sbom, refers_to];
            for endpoint in step.at.iter() {
                let place = self.graph.place(repository, endpoint);
                let mut allow = |tag: Tag| tags.insert((place.clone(), tag));
                match &step.action {
                    Action::Tag { tag, .. } => {
                        allow(self.graph.tag(*tag).1.clone());
                    }
                    _ => subjects.iter().for_each(|subject| {
                        allow(Tag::referrers_of(subject));
                        for suffix in ["sig", "att", "sbom"] {
                            allow(Tag::cosign(subject, suffix));
                        }
                    }),
                }
                places.insert(place);
            }
        }
        for write in self.store.client_writes_since(mark) {
            assert!(places.contains(&write.repository), "{write:?}");
            match write.kind {
                WriteKind::Manifest { tag: Some(tag), .. } => {
                    assert!(tags.contains(&(write.repository, tag.clone())), "{tag}");
                }
                WriteKind::Manifest { tag: None, .. } | WriteKind::Blob(_) | WriteKind::Mount { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn assert_converged(&self) {
        let (planned, _) = self.plan();
        assert_eq!(planned.steps, []);
        assert_eq!(planned.blocked, []);
    }
}

impl Pass {
    /// What became of the steps of some kind at an endpoint.
    pub fn at(&self, name: &str, is: impl Fn(&Step) -> bool) -> Vec<&StepOutcome> {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.endpoint == endpoint(name) && is(&self.steps[outcome.step]))
            .collect()
    }
}

fn desired(source: &Repository, images: &[Image], choices: &Choices, signer: &Arc<Signer>) -> Desired {
    let target = Target {
        name: "production".into(),
        public_name: "registry.example.com".parse().unwrap(),
        endpoints: ENDPOINTS
            .iter()
            .map(|name| Endpoint {
                name: (*name).into(),
                prefix: format!("{name}.test/acme").parse().unwrap(),
            })
            .collect(),
        signatures: choices.placement,
        drift: Drift::Repair,
        duplicates: crate::model::Duplicates::Remove,
        mode: TargetMode::Enforce,
        carry: crate::model::Carry::default(),
    };
    let claim = |number: usize, image: &Image| Claim {
        target: 0,
        repository: "dns/coredns".parse().unwrap(),
        digest: image.root(),
        tags: vec![format!("v{}", number + 1).parse().unwrap()],
        source: Source::Registry(source.clone()),
        endpoints: EndpointSet::first(ENDPOINTS.len()),
        signer: choices.signed.then(|| Arc::clone(signer)),
        attest: if choices.signed {
            [AttestationKind::Promotion].into()
        } else {
            [].into()
        },
        policy: Arc::default(),
        origin: Origin {
            file: "promotions/dns/coredns.toml".into(),
            line: 2,
        },
    };
    Desired {
        commit: CommitId([7; 20]),
        targets: [Arc::new(target)].into(),
        projects: vec![Arc::new(ProjectClaims {
            name: "dns".into(),
            claims: images
                .iter()
                .enumerate()
                .map(|(number, image)| claim(number, image))
                .collect(),
        })],
    }
}
