//! What `landfall doctor` found out about a registry, plans know.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use jiff::Timestamp;
use landfall::demo::registry::{EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::{Behaviour, Store};
use landfall::source::author::{self, Identity, Layout};
use serde_json::Value;

use crate::program::landfall;

/// A primary, and a mirror in which tags are immutable.
struct Scene {
    folder: tempfile::TempDir,
    primary: EmbeddedRegistry,
    mirror: EmbeddedRegistry,
    store: Store,
}

impl Scene {
    async fn set() -> Self {
        let store = Store::new();
        let start = async |behaviour| {
            let options = EmbeddedOptions {
                store: store.clone(),
                behaviour,
                ..EmbeddedOptions::default()
            };
            EmbeddedRegistry::start(options).await.unwrap()
        };
        let primary = start(Behaviour::default()).await;
        let mirror = start(Behaviour {
            immutable_tags: true,
            ..Behaviour::default()
        })
        .await;
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            primary,
            mirror,
            store,
        };
        author::init(&scene.folder.path().join("releases"), Layout::WorkTree, "main").unwrap();
        let [primary, mirror] = [&scene.primary, &scene.mirror].map(|registry| registry.registry().clone());
        let configuration = format!(
            "allow-writes = [\"{primary}/images\", \"{mirror}/images\"]\n[git]\nurl = \"releases\"\n\
             [storage]\nstate = \"state\"\ncache = \"cache\"\n\
             [registries.\"{primary}\"]\nplain-http = true\n[registries.\"{mirror}\"]\nplain-http = true\n"
        );
        fs::write(scene.folder.path().join("config.toml"), configuration).unwrap();
        scene
    }

    fn push(&self, seed: u64) -> Image {
        let image = ImageRecipe::multi(2).make(Seed(seed));
        image.push(&self.store, &self.repository(&self.primary, "staging/app"));
        image
    }

    fn repository(&self, registry: &EmbeddedRegistry, path: &str) -> Repository {
        Repository::new(registry.registry().clone(), path.parse().unwrap())
    }

    fn declare(&self, digest: Digest) {
        let [primary, mirror] = [&self.primary, &self.mirror].map(EmbeddedRegistry::registry);
        let landfall = format!(
            "version = 1\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{primary}/images\"\n\
             mutable-tags = [\"stable\"]\n\
             [targets.production.mirrors]\neurope = \"{mirror}/images\"\n\
             [projects.team]\nsources = [\"{primary}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n"
        );
        let promotion = format!("[images.app.tags]\nstable = \"{digest}\"\n");
        let files = BTreeMap::from([
            ("landfall.toml".to_owned(), landfall.into_bytes()),
            ("promotions/team/app.toml".to_owned(), promotion.into_bytes()),
        ]);
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        let repository = self.folder.path().join("releases");
        author::commit(&repository, "main", &files, "Promote app", author, Timestamp::now()).unwrap();
    }

    async fn landfall(&self, arguments: &[&str]) -> Output {
        landfall(self.folder.path(), &[arguments, &["--config", "config.toml"]].concat()).await
    }

    fn stable(&self, registry: &EmbeddedRegistry) -> Option<Digest> {
        self.store.tag(
            &self.repository(registry, "images/team/app"),
            &"stable".parse().unwrap(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_doctor_saw_a_registry_refuse_is_blocked_there_and_done_elsewhere() {
    let scene = Scene::set().await;
    let (first, second) = (scene.push(1), scene.push(2));
    scene.declare(first.root());
    let applied = scene.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    scene.declare(second.root());
    let mirror = format!("{}/images", scene.mirror.registry());
    scene.landfall(&["doctor", &mirror, "--write"]).await;

    let mark = scene.store.now();
    let planned = scene.landfall(&["plan", "--format", "json"]).await;
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let blocked = plan["blocked"].as_array().unwrap();
    assert_eq!(blocked.len(), 1, "{blocked:?}");
    assert_eq!(blocked[0]["kind"], "unsupported");
    let cause = blocked[0]["cause"].as_str().unwrap();
    assert!(
        cause.contains("europe of production") && cause.contains("moves no tag"),
        "{cause}"
    );
    let applied = scene.landfall(&["apply"]).await;
    assert_ne!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(scene.stable(&scene.primary), Some(second.root()));
    assert_eq!(scene.stable(&scene.mirror), Some(first.root()));
    let tag_writes = scene.store.client_writes_since(mark);
    let refused = tag_writes.iter().filter(|write| !write.changed);
    assert_eq!(
        refused.collect::<Vec<_>>(),
        Vec::<&_>::new(),
        "nothing was tried in vain"
    );
}
