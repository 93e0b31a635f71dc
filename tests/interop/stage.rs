//! Registries of other makers, a commit that promotes an image between them, and the programs that look.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::sync::LazyLock;

use jiff::Timestamp;
use landfall::model::{CommitId, Descriptor, Digest, Limits, Manifest, Tag};
use landfall::sim::Seed;
use landfall::sim::images::ImageRecipe;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::{KeyPairFiles, ReferrerArtifact, key_file, statement::predicate_type};

use crate::attestations::predicates;
use crate::cosign::{Cosign, PASSWORD};
use crate::registry::{Image, Registry, Software};
use crate::servers;
use crate::signatures::OLD_FORM;
use crate::site::Site;

pub const KEY: &str = "release";
/// With upper case, which Gitea's lists do not have.
pub const TAG: &str = "v1.0.0-RC.1";
pub const PUBLIC_NAME: &str = "images.example.com/team/app";
const MIRRORS: [&str; 2] = ["asia", "europe"];

/// Made once: what protects them is slow on purpose.
static KEYS: LazyLock<[(&str, KeyPairFiles); 2]> =
    LazyLock::new(|| [KEY, "other"].map(|name| (name, key_file::generate(PASSWORD.as_bytes()).unwrap())));

pub struct Stage {
    pub source: Site,
    /// The primary, and at most two mirrors.
    pub endpoints: Vec<Site>,
    pub cosign: Cosign,
    pub image: Image,
    /// One platform's manifest.
    pub platform: Digest,
    sbom: Digest,
    commit: CommitId,
}

impl Stage {
    /// A source, a primary and two mirrors, all of one make.
    pub async fn set(software: Software) -> Self {
        let start = || Registry::start(software);
        let path = |name| format!("{}/{name}", servers::USER);
        let endpoints = [(); 3].map(|()| Site::new(start(), &path("images"), "team/app"));
        Self::between(Site::new(start(), &path("staging"), "app"), endpoints.into()).await
    }

    /// Of the source's site, the image is `app`, of the others' `team/app`.
    pub async fn between(source: Site, endpoints: Vec<Site>) -> Self {
        let (name, pair) = &KEYS[0];
        let configuration = format!("private-key = \"{name}.key\"\npassword-file = \"release.password\"\n");
        Self::signed_by(source, endpoints, &pair.public_pem, &configuration).await
    }

    /// With this public key in Git, and this in config.toml about where the private one is.
    pub async fn signed_by(source: Site, endpoints: Vec<Site>, public_key: &str, signer: &str) -> Self {
        let made = ImageRecipe::multi(2).make(Seed(1));
        let image = source.registry.push(source.repository, &made).await;
        let sbom = sbom_of(&made);
        let (platform, sbom_digest) = (made.manifests()[0].digest, sbom.descriptor.digest);
        source.registry.push_referrer(&image, sbom).await;
        let cosign = Cosign::new();
        for (name, pair) in KEYS.iter() {
            cosign.write_pair(name, pair);
        }
        cosign.write(&format!("{KEY}.pub"), public_key);
        let mut stage = Self {
            source,
            endpoints,
            cosign,
            image,
            platform,
            sbom: sbom_digest,
            commit: CommitId([0; 20]),
        };
        stage.write_configuration(signer);
        stage.commit();
        stage
    }

    fn write_configuration(&self, signer: &str) {
        self.cosign.write("release.password", PASSWORD);
        self.cosign.write("registry.password", servers::PASSWORD);
        let prefixes: Vec<String> = self.endpoints.iter().map(Site::prefix).collect();
        let mut configuration = format!(
            "allow-writes = {prefixes:?}\n\n[git]\nurl = \"releases\"\n\n\
             [storage]\nstate = \"state\"\ncache = \"cache\"\n\n\
             [signers.{KEY}]\n{signer}"
        );
        let sites = self.endpoints.iter().chain([&self.source]);
        let servers: BTreeMap<_, _> = sites
            .map(|site| (site.registry.address(), site.registry.server()))
            .collect();
        for server in servers.values() {
            configuration += &server.configuration();
        }
        self.cosign.write("config.toml", configuration);
        self.cosign
            .write_logins(servers.values().filter_map(|server| server.login()));
    }

    fn commit(&mut self) {
        let mut endpoints = self.endpoints.iter().map(Site::prefix);
        let primary = endpoints.next().expect("there is a primary");
        let mirrors: String = MIRRORS
            .iter()
            .zip(endpoints)
            .map(|(name, prefix)| format!("{name} = \"{prefix}\"\n"))
            .collect();
        let manifest = format!(
            "version = 1\n\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{primary}\"\n\
             signer = \"{KEY}\"\n\n[targets.production.mirrors]\n{mirrors}\n\
             [projects.team]\nsources = [\"{}\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\n\
             [signers.{KEY}]\npublic-key = \"keys/{KEY}.pub\"\n",
            self.source.prefix()
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

    fn landfall(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(arguments)
            .arg("--config")
            .arg(self.cosign.path("config.toml"))
            .env_remove("RUST_LOG")
            .env("SOFTHSM2_CONF", self.cosign.path("softhsm2.conf"))
            .output()
            .unwrap()
    }

    /// `landfall apply`, which must converge.
    pub fn apply(&self, why: &str) {
        let output = self.landfall(&["apply", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{why}: {output:?}");
    }

    /// `landfall apply`, which must not converge.
    pub fn apply_in_vain(&self) {
        let output = self.landfall(&["apply", "--format", "json"]);
        assert_ne!(output.status.code(), Some(0), "{output:?}");
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

    /// Takes its memory away: what was done, and what was seen.
    pub fn forget(&self) {
        for name in ["state", "cache"] {
            std::fs::remove_dir_all(self.cosign.path(name)).unwrap();
        }
    }

    /// What crane says; it must succeed.
    pub fn crane(&self, arguments: &[&str]) -> String {
        let output = self.cosign.command("crane").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// cosign, crane and the registry itself agree that everything that was promised stands at this endpoint.
    pub async fn assert_complete(&self, site: &Site, why: &str) {
        let reference = site.tagged(TAG);
        let digest = self.digest().to_string();
        assert_eq!(self.crane(&["digest", &reference]), digest, "{why}");
        for more in [&[][..], &[OLD_FORM]] {
            let accepted = self.cosign.verify("verify", KEY, more, &reference);
            let accepted = accepted.unwrap_or_else(|error| panic!("{why}: {more:?}: {error}"));
            assert!(accepted.contains(&digest), "{why}: {more:?}");
        }
        let kind = ["--type", predicate_type::PROMOTION];
        let records = self.cosign.verify("verify-attestation", KEY, &kind, &reference);
        let records = predicates(&records.unwrap_or_else(|error| panic!("{why}: {error}")));
        assert_eq!(records.len(), 1, "{why}");
        assert_eq!(records[0]["publicReference"], PUBLIC_NAME);
        assert_eq!(records[0]["digest"], *digest);
        assert_eq!(records[0]["git"]["commit"], *self.commit.to_string());
        let sbom = site.registry.manifest(site.repository, &self.sbom.to_string()).await;
        assert!(sbom.is_some(), "{why}: no SBOM");
        assert!(site.referrers(&self.digest()).await.contains(&self.sbom), "{why}");
    }

    /// cosign takes nothing at this endpoint for a stranger's.
    pub fn assert_not_of_others(&self, site: &Site) {
        let reference = site.tagged(TAG);
        for more in [&[][..], &[OLD_FORM]] {
            assert!(self.cosign.verify("verify", "other", more, &reference).is_err());
        }
        let kind = ["--type", predicate_type::PROMOTION];
        let records = self.cosign.verify("verify-attestation", "other", &kind, &reference);
        assert!(records.is_err());
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
