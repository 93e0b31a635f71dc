//! Desired states for tests, written in a few words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    AttestationKind, Claim, CommitId, Desired, Digest, Drift, Endpoint, EndpointSet, Origin, Policy, PolicyMode,
    ProjectClaims, RepoPath, SignatureForm, SignaturePlacement, Signer, SignerIdentity, SignerKey, Source, Target,
    TargetMode,
};

/// What the manifests of one commit say.
#[derive(Debug, Clone)]
pub struct Manifests {
    pub targets: Vec<Target>,
    pub projects: BTreeMap<String, Vec<Claim>>,
}

impl Manifests {
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            projects: BTreeMap::new(),
        }
    }

    pub fn with(mut self, project: &str, claim: Claim) -> Self {
        self.projects.entry(project.to_owned()).or_default().push(claim);
        self
    }

    pub fn desired(&self) -> Desired {
        Desired {
            commit: CommitId([7; 20]),
            targets: self.targets.iter().cloned().map(Arc::new).collect(),
            projects: self
                .projects
                .iter()
                .map(|(name, claims)| {
                    Arc::new(ProjectClaims {
                        name: name.as_str().into(),
                        claims: claims.clone(),
                    })
                })
                .collect(),
        }
    }

    /// The next commit: projects that say the same stay the same allocation.
    pub fn desired_after(&self, before: &Desired) -> Desired {
        let mut desired = self.desired();
        if *desired.targets == *before.targets {
            desired.targets = Arc::clone(&before.targets);
        }
        for project in &mut desired.projects {
            if let Some(same) = before
                .projects
                .iter()
                .find(|old| old.name == project.name && old.claims == project.claims)
            {
                *project = Arc::clone(same);
            }
        }
        desired
    }
}

/// A target with a primary and these mirrors.
pub fn target(name: &str, mirrors: &[&str]) -> Target {
    Target {
        name: name.into(),
        public_name: format!("{name}.example.com").parse().unwrap(),
        endpoints: ["primary"]
            .iter()
            .chain(mirrors)
            .map(|endpoint| Endpoint {
                name: (*endpoint).into(),
                prefix: format!("{endpoint}.test/{name}").parse().unwrap(),
            })
            .collect(),
        signatures: SignaturePlacement::Replicate,
        drift: Drift::Repair,
        duplicates: crate::model::Duplicates::Remove,
        mode: TargetMode::Enforce,
        carry: crate::model::Carry::default(),
    }
}

pub fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A claim at the first target, at 3 endpoints, signed in both forms and attested.
pub fn claim(path: &str, image: &str, tags: &[&str]) -> Claim {
    let mut tags: Vec<_> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    tags.sort();
    Claim {
        target: 0,
        repository: path.parse().unwrap(),
        digest: digest(image),
        tags,
        source: Source::Registry(format!("staging.test/{path}").parse().unwrap()),
        endpoints: EndpointSet::first(3),
        signer: Some(signer(&[SignatureForm::Bundle, SignatureForm::Tag])),
        attest: [AttestationKind::Promotion].into(),
        policy: Arc::new(vec![Policy {
            name: "none".to_owned(),
            mode: PolicyMode::Off,
        }]),
        origin: Origin {
            file: RepoPath::from(format!("promotions/{path}.toml").as_str()),
            line: 2,
        },
    }
}

/// The same claim without signer, signatures and attestations.
pub fn unsigned(claim: Claim) -> Claim {
    Claim {
        signer: None,
        attest: [].into(),
        ..claim
    }
}

/// The same claim at target number `target`, read from target number `source`.
pub fn chained(claim: Claim, source: usize, target: usize) -> Claim {
    Claim {
        target,
        source: Source::Target {
            target: source,
            repository: claim.repository.clone(),
        },
        ..claim
    }
}

pub fn signer(formats: &[SignatureForm]) -> Arc<Signer> {
    Arc::new(Signer {
        name: "release".into(),
        key: key("a public key"),
        previous: Vec::new(),
        formats: formats.to_vec(),
    })
}

/// A key by a name of its own.
pub fn key(name: &str) -> SignerKey {
    SignerKey {
        pem: name.into(),
        identity: SignerIdentity::Key(digest(name)),
    }
}

/// The same claim signed with another key; what the earlier ones signed still counts.
pub fn signed_with(claim: Claim, present: &str, previous: &[&str]) -> Claim {
    let signer = claim.signer.as_deref().map(|signer| {
        Arc::new(Signer {
            key: key(present),
            previous: previous.iter().map(|name| key(name)).collect(),
            ..signer.clone()
        })
    });
    Claim { signer, ..claim }
}

/// Who signs [`claim`]s.
pub fn release() -> SignerIdentity {
    key("a public key").identity
}
