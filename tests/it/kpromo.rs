//! A repository of kpromo's manifests, promoted by the program itself to embedded registries.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use jiff::{SignedDuration, Timestamp};
use landfall::demo::registry::{EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{CommitId, Digest, Repository, Tag};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::Store;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::key_file;

use crate::program::landfall;

const PASSWORD: &str = "test";

struct Stage {
    folder: tempfile::TempDir,
    /// Staging, primary, asia.
    registries: Vec<EmbeddedRegistry>,
    store: Store,
    files: BTreeMap<String, Vec<u8>>,
    now: Timestamp,
}

impl Stage {
    async fn set() -> Self {
        let store = Store::new();
        let mut registries = Vec::new();
        for _ in 0..3 {
            let options = EmbeddedOptions {
                store: store.clone(),
                ..EmbeddedOptions::default()
            };
            registries.push(EmbeddedRegistry::start(options).await.unwrap());
        }
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            registries,
            store,
            files: BTreeMap::new(),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let keys = key_file::generate(PASSWORD.as_bytes()).unwrap();
        stage.write("release.key", &keys.private_pem);
        stage.write("release.password", PASSWORD);
        stage.write("config.toml", &stage.configuration());
        author::init(&stage.repository(), Layout::Bare, "main").unwrap();
        let landfall = stage.landfall_toml();
        Self {
            files: BTreeMap::from([
                ("landfall.toml".to_owned(), landfall.into_bytes()),
                ("keys/release.pub".to_owned(), keys.public_pem.into_bytes()),
                ("registry.k8s.io/README.md".to_owned(), b"For people.\n".to_vec()),
            ]),
            ..stage
        }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn prefix(&self, index: usize) -> String {
        format!("{}/prod/images", self.registries[index].registry())
    }

    fn landfall_toml(&self) -> String {
        format!(
            "version = 1\n\n[kpromo]\nroot = \"registry.k8s.io\"\npublic-name = \"registry.example.com\"\nsigner = \"release\"\n\n\
             [kpromo.endpoints]\nprimary = \"{}\"\nasia = \"{}\"\n\n[signers.release]\npublic-key = \"keys/release.pub\"\n",
            self.prefix(1),
            self.prefix(2)
        )
    }

    fn configuration(&self) -> String {
        let mut text = format!(
            "allow-writes = [\"{}\", \"{}\"]\n\n[git]\nurl = \"repository\"\n\n[storage]\nstate = \"state\"\ncache = \"cache\"\n\n\
             [signers.release]\nprivate-key = \"release.key\"\npassword-file = \"release.password\"\n",
            self.prefix(1),
            self.prefix(2)
        );
        for registry in &self.registries {
            text.push_str(&format!(
                "\n[registries.\"{}\"]\nplain-http = true\n",
                registry.registry()
            ));
        }
        text
    }

    /// An image in a staging repository.
    fn stage_image(&self, project: &str, name: &str, seed: u64) -> Image {
        let image = ImageRecipe::multi(2).make(Seed(seed));
        let source = format!("{}/{project}/{name}", self.registries[0].registry());
        image.push(&self.store, &source.parse().unwrap());
        image
    }

    fn add_manifest(&mut self, project: &str, destinations: &[(usize, &str)]) {
        let mut text = format!(
            "registries:\n- name: {}/{project}\n  src: true\n",
            self.registries[0].registry()
        );
        for (registry, path) in destinations {
            let prefix = self.prefix(*registry);
            text.push_str(&format!(
                "- name: {prefix}{path}\n  service-account: promoter@example.com\n"
            ));
        }
        let path = format!("registry.k8s.io/manifests/{project}/promoter-manifest.yaml");
        self.files.insert(path, text.into_bytes());
    }

    fn set_images(&mut self, project: &str, text: &str) {
        let path = format!("registry.k8s.io/images/{project}/images.yaml");
        self.files.insert(path, text.as_bytes().to_vec());
    }

    fn commit(&mut self, message: &str) -> CommitId {
        self.now += SignedDuration::from_mins(1);
        let author = Identity {
            name: "A Developer",
            mail: "developer@example.com",
        };
        author::commit(&self.repository(), "main", &self.files, message, author, self.now).unwrap()
    }

    async fn landfall(&self, arguments: &[&str]) -> Output {
        landfall(self.folder.path(), &[arguments, &["--config", "config.toml"]].concat()).await
    }

    fn place(&self, registry: usize, path: &str) -> Repository {
        format!("{}/{path}", self.prefix(registry)).parse().unwrap()
    }

    fn tag(&self, registry: usize, path: &str, tag: &str) -> Option<Digest> {
        self.store.tag(&self.place(registry, path), &tag.parse().unwrap())
    }

    fn is_signed(&self, registry: usize, path: &str, digest: Digest) -> bool {
        self.store
            .tag(&self.place(registry, path), &Tag::cosign(&digest, "sig"))
            .is_some()
    }
}

fn images(entries: &[(&str, &[(Digest, &str)])]) -> String {
    let mut text = String::new();
    for (name, digests) in entries {
        text.push_str(&format!("- name: {name}\n  dmap:\n"));
        for (digest, tags) in *digests {
            text.push_str(&format!("    \"{digest}\": {tags}\n"));
        }
    }
    text
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn shown(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_of_kpromos_is_promoted_commit_by_commit() {
    let mut stage = Stage::set().await;
    let api = stage.stage_image("k8s-staging-kubernetes", "kube-apiserver", 1);
    let dns = stage.stage_image("k8s-staging-dns", "coredns", 2);
    stage.add_manifest(
        "k8s-staging-kubernetes",
        &[(1, ""), (2, ""), (1, "/kubernetes"), (2, "/kubernetes")],
    );
    stage.add_manifest("k8s-staging-dns", &[(1, "/dns")]);
    let of_kubernetes = images(&[("kube-apiserver", &[(api.root(), "[\"v1.30.0\"]")])]);
    stage.set_images("k8s-staging-kubernetes", &of_kubernetes);
    stage.set_images(
        "k8s-staging-dns",
        &images(&[("coredns", &[(dns.root(), "[v1.9.3, 1.0]")])]),
    );
    stage.commit("Promote");

    let plan = stage.landfall(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(code(&plan), 2, "{}", shown(&plan));
    assert!(shown(&plan).contains("kubernetes/kube-apiserver"), "{}", shown(&plan));
    let apply = stage.landfall(&["apply"]).await;
    assert_eq!(code(&apply), 0, "{}", shown(&apply));

    for registry in [1, 2] {
        for path in ["kube-apiserver", "kubernetes/kube-apiserver"] {
            assert_eq!(
                stage.tag(registry, path, "v1.30.0"),
                Some(api.root()),
                "{registry} {path}"
            );
            assert!(stage.is_signed(registry, path, api.root()), "{registry} {path}");
        }
    }
    assert_eq!(stage.tag(1, "dns/coredns", "v1.9.3"), Some(dns.root()));
    assert_eq!(stage.tag(1, "dns/coredns", "1.0"), Some(dns.root()));
    assert_eq!(
        stage.store.contents(&stage.place(2, "dns/coredns")).map(|_| ()),
        None,
        "its manifest names the primary only"
    );

    // A commit that touches nothing but a list of images is a change, and one broken list holds up nobody else.
    let newer = stage.stage_image("k8s-staging-dns", "coredns", 3);
    let both = images(&[("coredns", &[(dns.root(), "[v1.9.3, 1.0]"), (newer.root(), "[v1.10.0]")])]);
    stage.set_images("k8s-staging-dns", &both);
    stage.set_images("k8s-staging-kubernetes", "- name: kube-apiserver\n  dmap: [\n");
    let introduced = stage.commit("Promote coredns v1.10.0");
    stage
        .files
        .insert("registry.k8s.io/README.md".to_owned(), b"More.\n".to_vec());
    stage.commit("Say more");
    let mark = stage.store.now();
    let apply = stage.landfall(&["apply"]).await;
    assert_eq!(code(&apply), 3, "{}", shown(&apply));
    assert!(
        shown(&apply).contains("registry.k8s.io/images/k8s-staging-kubernetes/images.yaml:3:1: error"),
        "{}",
        shown(&apply)
    );
    assert_eq!(stage.tag(1, "dns/coredns", "v1.10.0"), Some(newer.root()));
    assert_eq!(stage.tag(2, "kubernetes/kube-apiserver", "v1.30.0"), Some(api.root()));

    // The promotion record names the commit that brought the line, not the newest.
    let place = stage.place(1, "dns/coredns");
    let recorded = stage.store.client_writes_since(mark).iter().any(|write| {
        let landfall::sim::registry::WriteKind::Blob(digest) = &write.kind else {
            return false;
        };
        let blob = stage.store.blob(&place, digest).unwrap_or_default();
        payload(&blob).is_some_and(|record| {
            record.contains(&introduced.to_string())
                && record.contains("registry.k8s.io/images/k8s-staging-dns/images.yaml")
        })
    });
    assert!(recorded, "no promotion record names {introduced}");

    // Mended, it goes on, and nothing is left to do.
    stage.set_images("k8s-staging-kubernetes", &of_kubernetes);
    stage.commit("Mend the list");
    let apply = stage.landfall(&["apply"]).await;
    assert_eq!(code(&apply), 0, "{}", shown(&apply));
    let plan = stage.landfall(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(code(&plan), 0, "{}", shown(&plan));
}

/// The statement in a bundle.
fn payload(bundle: &[u8]) -> Option<String> {
    use base64::Engine as _;
    let bundle: serde_json::Value = serde_json::from_slice(bundle).ok()?;
    let payload = bundle["dsseEnvelope"]["payload"].as_str()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload).ok()?;
    String::from_utf8(bytes).ok()
}
