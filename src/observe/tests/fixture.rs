//! One promoted image, its registries in memory, and hands to attach things to it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::facts::{Answer, Ask, Depth, Evidence, EvidenceAnswer, SourceAnswer, SourceImage};
use crate::graph::Graph;
use crate::model::{
    Admission, ArtifactKind, Carried, Carry, Claim, Descriptor, Desired, Digest, Drift, Endpoint, EndpointIndex,
    EndpointSet, Limits, Origin, PolicyMode, ProjectClaims, Repository, SignatureForm, SignaturePlacement, Signer,
    SignerKey, Source, Tag, Target, TargetMode, UnitId, Verdict,
};
use crate::observe::{Expectations, ObserveLimits, Observer};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{
    Failure as Trouble, Fault, FaultPlan, MemoryRegistries, Operation, Operations, Rate, Store, Window,
};
use crate::trust::{
    Merge, PrivateKey, Promotion, PromotionRecord, ReferrerArtifact, SignatureEntry, bundle, referrer,
    signature_manifest, simple_signing, statement,
};

pub const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
pub const MIRROR: EndpointIndex = EndpointIndex(1);

pub fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// `source.test/team/app` goes to `one.test/prod/app` and `two.test/prod/app`, known as `registry.example.com/app`; a
/// second target takes it from there to `three.test/edge/app`.
pub struct Fixture {
    pub store: Store,
    pub registries: MemoryRegistries,
    pub observer: Observer<MemoryRegistries>,
    pub key: PrivateKey,
    pub image: Image,
    pub graph: Graph,
    pub unit: UnitId,
    pub chained: UnitId,
    pub known: Expected,
}

/// What a test says is known.
#[derive(Default)]
pub struct Expected {
    pub carried: HashMap<UnitId, Arc<[Carried]>>,
    pub standing: EndpointSet,
}

impl Expectations for Expected {
    fn carried(&self, unit: UnitId) -> Option<Arc<[Carried]>> {
        self.carried.get(&unit).cloned()
    }

    fn travelled(&self, unit: UnitId) -> Arc<[Carried]> {
        self.carried.get(&unit).cloned().unwrap_or_default()
    }

    fn standing(&self, _unit: UnitId) -> EndpointSet {
        self.standing
    }
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_previous_keys(Vec::new())
    }

    pub fn with_previous_keys(previous: Vec<SignerKey>) -> Self {
        Self::of(None, previous, Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::of(None, Vec::new(), limits)
    }

    /// A claim for these bytes, which stand at the source and both endpoints.
    pub fn of_root(media_type: &str, root: Bytes) -> Self {
        let fixture = Self::of(Some(Digest::of(&root)), Vec::new(), Limits::default());
        for at in [fixture.source(), fixture.at(PRIMARY), fixture.at(MIRROR)] {
            fixture.store.add_manifest(&at, media_type, root.clone());
        }
        fixture
    }

    /// What travels is limited by the target.
    pub fn with_carry(carry: Carry) -> Self {
        Self::carrying(None, Vec::new(), Limits::default(), &carry)
    }

    fn of(root: Option<Digest>, previous: Vec<SignerKey>, limits: Limits) -> Self {
        Self::carrying(root, previous, limits, &Carry::default())
    }

    fn carrying(root: Option<Digest>, previous: Vec<SignerKey>, limits: Limits, carry: &Carry) -> Self {
        let key = PrivateKey::generate().unwrap();
        let signer = Arc::new(Signer {
            name: "release".into(),
            key: key.public_key().to_signer_key(),
            previous,
            formats: vec![SignatureForm::Bundle, SignatureForm::Tag],
        });
        let image = ImageRecipe::multi(2).make(Seed(1));
        let root = root.unwrap_or_else(|| image.root());
        let claim = |target, source| Claim {
            target,
            repository: "app".parse().unwrap(),
            digest: root,
            tags: vec![tag("v1")],
            source,
            endpoints: EndpointSet::first(if target == 0 { 2 } else { 1 }),
            signer: Some(Arc::clone(&signer)),
            attest: [crate::model::AttestationKind::Promotion].into(),
            policy: Arc::default(),
            origin: Origin {
                file: "promotions/team/app.toml".into(),
                line: 1,
            },
        };
        let staging = Source::Registry(repository("source.test/team/app"));
        let upstream = Source::Target {
            target: 0,
            repository: "app".parse().unwrap(),
        };
        let desired = Desired {
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            targets: [
                target(
                    "production",
                    "registry.example.com",
                    &["one.test/prod", "two.test/prod"],
                    carry,
                ),
                target("edge", "edge.example.com", &["three.test/edge"], carry),
            ]
            .into(),
            projects: vec![Arc::new(ProjectClaims {
                name: "team".into(),
                claims: vec![claim(0, staging), claim(1, upstream)],
            })],
        };
        let graph = Graph::new(&desired);
        let find = |target| graph.find(target, &"app".parse().unwrap(), root).unwrap();
        let (unit, chained) = (find("production"), find("edge"));
        let store = Store::new();
        let registries = MemoryRegistries::new(store.clone()).with_limits(limits);
        Self {
            observer: Observer::new(registries.clone(), ObserveLimits::default(), limits, None),
            store,
            registries,
            key,
            image,
            graph,
            unit,
            chained,
            known: Expected::default(),
        }
    }

    /// What is claimed.
    pub fn root(&self) -> Digest {
        self.graph.unit(self.unit).digest
    }

    pub fn source(&self) -> Repository {
        repository("source.test/team/app")
    }

    pub fn at(&self, endpoint: EndpointIndex) -> Repository {
        self.graph.place(self.graph.unit(self.unit).repository, endpoint)
    }

    pub fn public_reference(&self) -> Repository {
        self.graph.public_reference(self.graph.unit(self.unit).repository)
    }

    /// The same fixture with the image at both endpoints.
    pub fn promoted(self) -> Self {
        for endpoint in [PRIMARY, MIRROR] {
            self.image.push(&self.store, &self.at(endpoint));
        }
        self
    }

    pub fn carries(&mut self, carried: &[Carried]) {
        self.known.carried.insert(self.unit, carried.into());
    }

    pub async fn answer(&self, ask: Ask, depth: Depth, endpoint: EndpointIndex) -> Answer {
        let look = self.observer.prepare(&self.graph, &self.known, ask, depth, endpoint);
        self.observer.look(&look).await.answer
    }

    pub async fn evidence(&self, endpoint: EndpointIndex) -> EvidenceAnswer {
        match self.answer(Ask::Evidence(self.unit), Depth::Manifests, endpoint).await {
            Answer::Evidence(evidence) => evidence,
            other => panic!("{other:?}"),
        }
    }

    /// Why there is no answer.
    pub async fn unknown(&self, ask: Ask) -> String {
        match self.answer(ask, Depth::Manifests, PRIMARY).await {
            Answer::Failed(why) if !why.is_denied() => why.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub async fn offered(&self) -> SourceAnswer {
        match self.answer(Ask::Source(self.unit), Depth::Manifests, PRIMARY).await {
            Answer::Source(source) => source,
            other => panic!("{other:?}"),
        }
    }

    pub async fn whole(&self) -> Arc<SourceImage> {
        match self.offered().await {
            SourceAnswer::Whole(image) => image,
            other => panic!("{other:?}"),
        }
    }

    /// Strikes every request of this kind from now on.
    pub fn strike(&self, fault: Fault, on: Operation) {
        self.registries
            .faults()
            .set_plan(FaultPlan::default().and_everywhere(Rate {
                fault,
                on: Operations::Only(on),
                probability: 1.0,
                during: Window::ALWAYS,
            }));
    }

    pub fn throttle(&self, on: Operation) {
        self.strike(Fault::Fails(Trouble::Throttled(None)), on);
    }

    fn subject(&self) -> Descriptor {
        let root = self.image.root_manifest();
        Descriptor::of(&root.media_type, &root.bytes)
    }

    /// A bundle of a statement that `key` signed, ready to be attached to the image.
    pub fn bundle(&self, key: &PrivateKey, statement: &[u8]) -> ReferrerArtifact {
        let signature = key.sign(&bundle::message_to_sign(statement)).unwrap();
        let bundle = bundle::assemble(key.public_key(), statement, &signature).unwrap();
        referrer::attach_bundle(&self.subject(), bundle.into(), "hint", Timestamp::UNIX_EPOCH)
    }

    pub fn signature(&self, key: &PrivateKey) -> ReferrerArtifact {
        self.bundle(key, &statement::signature(&self.image.root()))
    }

    pub fn admission(&self, carried: &[Carried]) -> Admission {
        Admission {
            source: self.source(),
            carried: carried.into(),
            policy: Digest::of(b"policy"),
            mode: PolicyMode::Off,
            verdict: Verdict::Unchecked,
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            path: "promotions/team/app.toml".into(),
            author: "Ada <ada@example.com>".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    pub fn promotion(&self, public_reference: &Repository, carried: &[Carried]) -> ReferrerArtifact {
        let record = PromotionRecord::new(
            Promotion {
                public_reference,
                digest: &self.image.root(),
                destination: &self.at(PRIMARY),
                git_url: "https://git.example.com/promotions",
                landfall_version: "0.1.0",
                recorded_at: Timestamp::UNIX_EPOCH,
            },
            &self.admission(carried),
        );
        self.bundle(&self.key, &record.statement())
    }

    pub fn entry(&self, key: &PrivateKey) -> SignatureEntry {
        self.entry_as(key, &self.public_reference())
    }

    /// A signature of the image under this name.
    pub fn entry_as(&self, key: &PrivateKey, name: &Repository) -> SignatureEntry {
        let payload = Bytes::from(simple_signing::payload(name, &self.image.root()));
        let signature = key.sign(&payload).unwrap();
        SignatureEntry::new(key.public_key(), payload, &signature).unwrap()
    }

    /// Adds an entry under the image's `.sig` tag. Gives the digest that the tag then has.
    pub fn sign(&self, at: &Repository, entry: &SignatureEntry) -> Digest {
        let tag = Tag::cosign(&self.image.root(), "sig");
        let contents = self.store.contents(at).unwrap_or_default();
        let standing = contents
            .tags
            .get(&tag)
            .map(|digest| contents.manifests[digest].bytes.clone());
        let entries = std::slice::from_ref(entry);
        let Ok(Merge::Write(merged)) = signature_manifest::merge(standing.as_deref(), entries, &Limits::default())
        else {
            panic!("the entry is there already");
        };
        for (_, blob) in merged.blobs {
            self.store.add_blob(at, blob);
        }
        let digest = self
            .store
            .add_manifest(at, &merged.descriptor.media_type, merged.manifest);
        self.store.set_tag(at, &tag, digest);
        digest
    }

    pub fn attach(&self, at: &Repository, artifact: &ReferrerArtifact) -> Digest {
        for (_, blob) in &artifact.blobs {
            self.store.add_blob(at, blob.clone());
        }
        let digest = self
            .store
            .add_manifest(at, &artifact.descriptor.media_type, artifact.manifest.clone());
        if !self.store.behaviour(&at.registry).referrers_api {
            self.store.add_to_fallback_index(at, &digest);
        }
        digest
    }
}

fn target(name: &str, public_name: &str, endpoints: &[&str], carry: &Carry) -> Arc<Target> {
    let endpoints = endpoints.iter().enumerate().map(|(index, prefix)| Endpoint {
        name: if index == 0 {
            "primary".into()
        } else {
            format!("mirror-{index}").into()
        },
        prefix: prefix.parse().unwrap(),
    });
    Arc::new(Target {
        name: name.into(),
        public_name: public_name.parse().unwrap(),
        endpoints: endpoints.collect(),
        signatures: SignaturePlacement::Replicate,
        drift: Drift::Repair,
        duplicates: crate::model::Duplicates::Remove,
        mode: TargetMode::Enforce,
        carry: carry.clone(),
    })
}

/// What a key made and is found.
pub fn signature_by(key: &PrivateKey, form: SignatureForm, digest: Digest) -> Evidence {
    Evidence {
        kind: ArtifactKind::Signature(form),
        digest,
        by: key.public_key().identity(),
    }
}

pub fn promotion_by(key: &PrivateKey, digest: Digest) -> Evidence {
    Evidence {
        kind: ArtifactKind::Attestation(crate::model::AttestationKind::Promotion),
        digest,
        by: key.public_key().identity(),
    }
}
