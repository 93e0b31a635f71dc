//! A source, a primary and two mirrors of other makers, a commit that promotes an image, and the programs that look.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use bytes::Bytes;
use jiff::Timestamp;
use landfall::model::{CommitId, Descriptor, Digest, Limits, Manifest, Tag};
use landfall::sim::Seed;
use landfall::sim::images::ImageRecipe;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::{ReferrerArtifact, SignatureEntry, referrer, signature_manifest, statement::predicate_type};

use crate::attestations::predicates;
use crate::cosign::{Cosign, PASSWORD};
use crate::registry::{Image, Registry, Software};
use crate::signatures::OLD_FORM;
use crate::tools;

pub const KEY: &str = "release";
pub const TAG: &str = "v1.0.0";
/// Where the image is promoted to at each endpoint.
pub const REPOSITORY: &str = "images/team/app";
pub const PUBLIC_NAME: &str = "images.example.com/team/app";

pub struct Stage {
    pub source: Registry,
    /// The primary and two mirrors.
    pub endpoints: [Registry; 3],
    pub cosign: Cosign,
    pub image: Image,
    /// One platform's manifest.
    pub platform: Digest,
    sbom: Digest,
    commit: CommitId,
}

impl Stage {
    pub async fn set(software: Software) -> Self {
        let source = Registry::start(software);
        let endpoints = [(); 3].map(|()| Registry::start(software));
        let made = ImageRecipe::multi(2).make(Seed(1));
        let image = source.push("staging/app", &made).await;
        let sbom = sbom_of(&made);
        let (platform, sbom_digest) = (made.manifests()[0].digest, sbom.descriptor.digest);
        source.push_referrer(&image, sbom).await;
        let cosign = Cosign::new();
        cosign.generate(KEY);
        cosign.generate("other");
        let mut stage = Self {
            source,
            endpoints,
            cosign,
            image,
            platform,
            sbom: sbom_digest,
            commit: CommitId([0; 20]),
        };
        stage.write_files();
        stage
    }

    fn write_files(&mut self) {
        self.cosign.write("release.password", PASSWORD);
        let prefixes = self
            .endpoints
            .each_ref()
            .map(|registry| format!("{}/images", registry.address()));
        let mut configuration = format!(
            "allow-writes = {prefixes:?}\n\n[git]\nurl = \"releases\"\n\n\
             [storage]\nstate = \"state\"\ncache = \"cache\"\n\n\
             [signers.{KEY}]\nprivate-key = \"{KEY}.key\"\npassword-file = \"release.password\"\n"
        );
        for registry in self.endpoints.iter().chain([&self.source]) {
            configuration += &format!("\n[registries.\"{}\"]\nplain-http = true\n", registry.address());
        }
        self.cosign.write("config.toml", configuration);
        let [primary, asia, europe] = &prefixes;
        let manifest = format!(
            "version = 1\n\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{primary}\"\n\
             signer = \"{KEY}\"\n\n[targets.production.mirrors]\nasia = \"{asia}\"\neurope = \"{europe}\"\n\n\
             [projects.team]\nsources = [\"{}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\n\
             [signers.{KEY}]\npublic-key = \"keys/{KEY}.pub\"\n",
            self.source.address()
        );
        let promotion = format!("[images.app.tags]\n\"{TAG}\" = \"{}\"\n", self.digest());
        let files = BTreeMap::from([
            ("landfall.toml".to_owned(), manifest.into_bytes()),
            (
                format!("keys/{KEY}.pub"),
                self.cosign.public_key(KEY).to_pem().into_bytes(),
            ),
            ("promotions/team/app.toml".to_owned(), promotion.into_bytes()),
        ]);
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        let repository = self.cosign.path("releases");
        author::init(&repository, Layout::WorkTree, "main").unwrap();
        self.commit = author::commit(&repository, "main", &files, "Promote app", author, Timestamp::now()).unwrap();
    }

    pub fn digest(&self) -> Digest {
        self.image.descriptor.digest
    }

    pub fn reference(registry: &Registry) -> String {
        format!("{}/{REPOSITORY}:{TAG}", registry.address())
    }

    fn landfall(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(arguments)
            .arg("--config")
            .arg(self.cosign.path("config.toml"))
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    /// `landfall apply`, which must converge.
    pub fn apply(&self, why: &str) {
        let output = self.landfall(&["apply", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{why}: {output:?}");
    }

    /// The kinds of steps that `landfall plan` lists.
    pub fn planned_actions(&self) -> BTreeSet<String> {
        let output = self.landfall(&["plan", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = plan["steps"].as_array().unwrap().iter();
        steps.map(|step| step["action"].as_str().unwrap().to_owned()).collect()
    }

    pub fn assert_nothing_is_left_to_do(&self, why: &str) {
        let output = self.landfall(&["plan", "--detailed-exitcode"]);
        assert_eq!(output.status.code(), Some(0), "{why}: {output:?}");
    }

    /// What crane says; it must succeed.
    pub fn crane(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(tools::find("crane"));
        let output = command.args(arguments).arg("--insecure").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// cosign, crane and the registry itself agree that everything that was promised stands at this endpoint.
    pub async fn assert_complete(&self, registry: &Registry, why: &str) {
        let reference = Self::reference(registry);
        let digest = self.digest().to_string();
        assert_eq!(self.crane(&["digest", &reference]), digest, "{why}");
        for more in [&[][..], &[OLD_FORM]] {
            let accepted = self.cosign.verify("verify", KEY, more, &reference);
            assert!(accepted.is_ok_and(|text| text.contains(&digest)), "{why}: {more:?}");
            assert!(
                self.cosign.verify("verify", "other", more, &reference).is_err(),
                "{why}"
            );
        }
        let kind = ["--type", predicate_type::PROMOTION];
        let records = self.cosign.verify("verify-attestation", KEY, &kind, &reference);
        let records = predicates(&records.unwrap_or_else(|error| panic!("{why}: {error}")));
        assert_eq!(records.len(), 1, "{why}");
        assert_eq!(records[0]["publicReference"], PUBLIC_NAME);
        assert_eq!(records[0]["digest"], *digest);
        assert_eq!(records[0]["git"]["commit"], *self.commit.to_string());
        assert!(
            self.cosign
                .verify("verify-attestation", "other", &kind, &reference)
                .is_err()
        );
        let sbom = registry.manifest(REPOSITORY, &self.sbom.to_string()).await;
        assert!(sbom.is_some(), "{why}: no SBOM");
        let referrers = registry.referrers(REPOSITORY, &self.digest()).await;
        assert!(referrers.iter().any(|found| found.digest == self.sbom), "{why}");
    }

    /// The manifests of bundles that stand at this endpoint and attest this.
    pub async fn bundles(&self, registry: &Registry, predicate: &str) -> Vec<Digest> {
        let mut bundles = Vec::new();
        for found in registry.referrers(REPOSITORY, &self.digest()).await {
            let manifest = registry.manifest(REPOSITORY, &found.digest.to_string()).await;
            let Some(manifest) = manifest else { continue };
            let manifest = Manifest::parse(&manifest, None, &Limits::default()).unwrap();
            let attests = manifest.annotations.get(referrer::PREDICATE_TYPE);
            if attests.is_some_and(|attests| attests == predicate) {
                bundles.push(found.digest);
            }
        }
        bundles
    }

    /// The signatures under the `.sig` tag at this endpoint.
    pub async fn entries(&self, registry: &Registry) -> Vec<SignatureEntry> {
        let manifest = registry.manifest(REPOSITORY, &self.signature_tag()).await.unwrap();
        let mut entries = Vec::new();
        for layer in signature_manifest::parse(&manifest, &Limits::default()).unwrap() {
            let payload: Bytes = registry.blob(REPOSITORY, &layer.digest).await;
            entries.push(SignatureEntry::found(layer, payload).unwrap());
        }
        entries
    }

    pub fn signature_tag(&self) -> String {
        Tag::cosign(&self.digest(), "sig").to_string()
    }
}

fn sbom_of(image: &landfall::sim::images::Image) -> ReferrerArtifact {
    let sbom = image.sbom_referrer();
    let root = sbom.root_manifest();
    let parsed = Manifest::parse(&root.bytes, None, &Limits::default()).unwrap();
    ReferrerArtifact {
        manifest: root.bytes.clone(),
        descriptor: Descriptor {
            artifact_type: parsed.artifact_type,
            ..Descriptor::of(&root.media_type, &root.bytes)
        },
        blobs: sbom
            .blobs()
            .iter()
            .map(|blob| (blob.descriptor.clone(), blob.bytes.clone()))
            .collect(),
    }
}
