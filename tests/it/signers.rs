//! Keys that change, states that are lost, mirrors that are dead: what is signed, and what is not.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use jiff::Timestamp;
use landfall::demo::registry::{EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository, SignerIdentity};
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::Store;
use landfall::sim::{Seed, Standing, Verdicts};
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::{KeyPairFiles, PublicKey, key_file};
use serde_json::Value;

use crate::program::landfall;

/// A source, and a target with a primary and a mirror, which may be dead.
struct Scene {
    folder: tempfile::TempDir,
    registry: EmbeddedRegistry,
    store: Store,
    keys: Vec<KeyPairFiles>,
    /// Where the mirror is; nobody listens at its port where it is dead.
    mirror: String,
}

impl Scene {
    async fn set(keys: usize) -> Self {
        let store = Store::new();
        let options = EmbeddedOptions {
            store: store.clone(),
            ..EmbeddedOptions::default()
        };
        let registry = EmbeddedRegistry::start(options).await.unwrap();
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            mirror: format!("{}/mirror", registry.registry()),
            registry,
            store,
            keys: (0..keys).map(|_| key_file::generate(b"password").unwrap()).collect(),
        };
        author::init(&scene.folder.path().join("releases"), Layout::WorkTree, "main").unwrap();
        fs::write(scene.folder.path().join("password"), "password").unwrap();
        scene
    }

    /// The mirror is at a port where nobody listens.
    fn kill_mirror(&mut self) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        self.mirror = format!("{}/mirror", listener.local_addr().unwrap());
    }

    fn configure(&self, key: usize, state: &str) {
        let registry = self.registry.registry();
        let private = self.folder.path().join("release.key");
        fs::write(private, self.keys[key].private_pem.as_bytes()).unwrap();
        let mirror = self.mirror.split('/').next().unwrap();
        let of_mirror = if mirror == registry.to_string() {
            String::new()
        } else {
            format!("[registries.\"{mirror}\"]\nplain-http = true\n")
        };
        let configuration = format!(
            "allow-writes = [\"{registry}/primary\", \"{}\"]\n[git]\nurl = \"releases\"\n\
             [storage]\nstate = \"{state}\"\ncache = \"cache\"\n\
             [signers.release]\nprivate-key = \"release.key\"\npassword-file = \"password\"\n\
             [registries.\"{registry}\"]\nplain-http = true\n{of_mirror}",
            self.mirror
        );
        fs::write(self.folder.path().join("config.toml"), configuration).unwrap();
    }

    fn image(&self, seed: u64) -> Image {
        let image = ImageRecipe::single().make(Seed(seed));
        image.push(&self.store, &self.at("staging/app"));
        image
    }

    fn at(&self, path: &str) -> Repository {
        Repository::new(self.registry.registry().clone(), path.parse().unwrap())
    }

    fn commit(&self, key: usize, previous: &[usize], tags: &[(&str, Digest)]) -> String {
        let registry = self.registry.registry();
        let previous: Vec<String> = previous.iter().map(|key| format!("\"keys/{key}.pub\"")).collect();
        let landfall = format!(
            "version = 1\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{registry}/primary\"\n\
             signer = \"release\"\nmutable-tags = [\"stable\"]\n\
             [targets.production.mirrors]\neurope = \"{}\"\n\
             [projects.team]\nsources = [\"{registry}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\
             [signers.release]\npublic-key = \"keys/{key}.pub\"\nprevious = [{}]\n",
            self.mirror,
            previous.join(", ")
        );
        let tags: String = tags
            .iter()
            .map(|(tag, digest)| format!("{tag} = \"{digest}\"\n"))
            .collect();
        let mut files = BTreeMap::from([
            ("landfall.toml".to_owned(), landfall.into_bytes()),
            (
                "promotions/team/app.toml".to_owned(),
                format!("[images.app.tags]\n{tags}").into_bytes(),
            ),
        ]);
        let keys = self.keys.iter().enumerate();
        files.extend(keys.map(|(number, key)| (format!("keys/{number}.pub"), key.public_pem.clone().into_bytes())));
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        let repository = self.folder.path().join("releases");
        let commit = author::commit(&repository, "main", &files, "Promote app", author, Timestamp::now()).unwrap();
        commit.to_string()
    }

    async fn landfall(&self, arguments: &[&str]) -> Output {
        landfall(self.folder.path(), &[arguments, &["--config", "config.toml"]].concat()).await
    }

    async fn apply(&self, expected: i32) -> Value {
        let applied = self.landfall(&["apply", "--format", "json"]).await;
        assert_eq!(applied.status.code(), Some(expected), "{applied:?}");
        serde_json::from_slice(&applied.stdout).unwrap()
    }

    fn identity(&self, key: usize) -> SignerIdentity {
        PublicKey::from_pem(self.keys[key].public_pem.as_bytes())
            .unwrap()
            .identity()
    }

    /// How often each key signed an image in both forms and attested it, in one repository.
    fn signed(&self, path: &str, image: &Image) -> Vec<[usize; 3]> {
        let keys = self.keys.iter();
        let keys = keys.map(|key| PublicKey::from_pem(key.public_pem.as_bytes()).unwrap());
        let verdicts = Verdicts::new(keys.collect());
        let public = "images.example.com/team/app".parse().unwrap();
        let standing = Standing::read(&self.store, &self.at(path), &image.root(), &public, &verdicts);
        (0..self.keys.len())
            .map(|key| {
                [&standing.bundles, &standing.entries, &standing.attestations]
                    .map(|found| found.iter().filter(|(_, by)| *by == self.identity(key)).count())
            })
            .collect()
    }

    fn tag(&self, path: &str, tag: &str) -> Option<Digest> {
        self.store.tag(&self.at(path), &tag.parse().unwrap())
    }
}

const PRIMARY: &str = "primary/team/app";
const MIRROR: &str = "mirror/team/app";
const NONE: [usize; 3] = [0; 3];
const ONCE: [usize; 3] = [1; 3];

#[tokio::test(flavor = "multi_thread")]
async fn another_key_signs_anew_at_once_and_nothing_twice() {
    let scene = Scene::set(2).await;
    let image = scene.image(1);
    let tags = [("v1", image.root())];
    scene.configure(0, "state");
    scene.commit(0, &[], &tags);
    scene.apply(0).await;
    // The key of the repository and the key of the process change together.
    scene.configure(1, "state");
    scene.commit(1, &[], &tags);
    scene.apply(0).await;
    for path in [PRIMARY, MIRROR] {
        assert_eq!(scene.signed(path, &image), [ONCE, ONCE], "{path}");
    }
    let mark = scene.store.now();
    assert_eq!(scene.apply(0).await["steps"].as_array().unwrap().len(), 0);
    assert_eq!(scene.store.client_writes_since(mark), []);
    // And back: the first key finds what it made.
    scene.configure(0, "state");
    scene.commit(0, &[1], &tags);
    let mark = scene.store.now();
    scene.apply(0).await;
    assert_eq!(scene.store.client_writes_since(mark), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_earlier_key_named_the_new_one_signs_beside_it() {
    let scene = Scene::set(2).await;
    let (image, next) = (scene.image(1), scene.image(2));
    scene.configure(0, "state");
    scene.commit(0, &[], &[("v1", image.root())]);
    scene.apply(0).await;
    scene.configure(1, "state");
    scene.commit(1, &[0], &[("v1", image.root()), ("v2", next.root())]);
    scene.apply(0).await;
    for path in [PRIMARY, MIRROR] {
        assert_eq!(scene.signed(path, &image), [ONCE, ONCE], "{path}");
        assert_eq!(scene.signed(path, &next), [NONE, ONCE], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_beside_a_dead_mirror_signs_and_tags_at_the_primary() {
    let mut scene = Scene::set(1).await;
    scene.kill_mirror();
    let image = scene.image(1);
    scene.configure(0, "state");
    scene.commit(0, &[], &[("v1", image.root())]);
    scene.apply(5).await;
    assert_eq!(scene.signed(PRIMARY, &image), [ONCE]);
    assert_eq!(scene.tag(PRIMARY, "v1"), Some(image.root()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_state_for_one_target_signs_nothing_again() {
    let scene = Scene::set(1).await;
    let image = scene.image(1);
    scene.commit(0, &[], &[("v1", image.root())]);
    for state in ["state", "another"] {
        scene.configure(0, state);
        scene.apply(0).await;
    }
    for path in [PRIMARY, MIRROR] {
        assert_eq!(scene.signed(path, &image), [ONCE], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_lifted_by_the_command_that_is_printed_with_it() {
    let scene = Scene::set(1).await;
    let (image, foreign) = (scene.image(1), scene.image(2));
    foreign.push(&scene.store, &scene.at(PRIMARY));
    scene
        .store
        .set_tag(&scene.at(PRIMARY), &"v1".parse().unwrap(), foreign.root());
    scene.configure(0, "state");
    scene.commit(0, &[], &[("v1", image.root())]);
    let report = scene.apply(5).await;
    let remedy = report["blocked"][0]["remedy"].as_str().unwrap();
    assert!(!remedy.contains("delete"), "{remedy}");
    let command = remedy
        .split('`')
        .find(|part| part.starts_with("landfall adopt"))
        .unwrap();
    let glob = command.split('\'').nth(1).unwrap();
    let adopted = scene.landfall(&["adopt", glob, "--reason", "it was ours"]).await;
    assert_eq!(adopted.status.code(), Some(0), "{adopted:?}");
    scene.apply(0).await;
    assert_eq!(scene.tag(PRIMARY, "v1"), Some(image.root()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_taken_over_though_its_source_has_gone() {
    let scene = Scene::set(1).await;
    let image = ImageRecipe::multi(2).make(Seed(1));
    image.push(&scene.store, &scene.at(PRIMARY));
    scene
        .store
        .set_tag(&scene.at(PRIMARY), &"v1".parse().unwrap(), image.root());
    // One that stands nowhere stays blocked.
    let nowhere = ImageRecipe::single().make(Seed(3));
    scene.configure(0, "state");
    scene.commit(0, &[], &[("v1", image.root()), ("v2", nowhere.root())]);
    let report = scene.apply(5).await;
    let blocked: Vec<_> = report["blocked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|blocked| &blocked["kind"])
        .collect();
    assert_eq!(blocked, ["source-absent"]);
    let steps = report["steps"].as_array().unwrap();
    assert!(
        !steps.is_empty() && steps.iter().all(|step| step["because"] == "found-standing"),
        "{steps:?}"
    );
    assert_eq!(scene.tag(MIRROR, "v1"), Some(image.root()));
    for path in [PRIMARY, MIRROR] {
        assert_eq!(scene.signed(path, &image), [ONCE], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_never_merged_does_not_bind_the_branch() {
    let scene = Scene::set(1).await;
    let (image, other) = (scene.image(1), scene.image(2));
    scene.configure(0, "state");
    let first = scene.commit(0, &[], &[("stable", image.root())]);
    scene.apply(0).await;
    let side = scene.commit(0, &[], &[("stable", other.root())]);
    let repository = scene.folder.path().join("releases");
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .arg("-C")
            .arg(&repository)
            .args(arguments)
            .status();
        assert!(done.unwrap().success(), "{arguments:?}");
    };
    git(&["branch", "side"]);
    git(&["reset", "-q", "--hard", &first]);

    let refused = scene.landfall(&["apply", "--revision", &side]).await;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("not in the history of branch"), "{said}");
    let applied = scene.landfall(&["apply", "--revision", &side, "--not-accepted"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(scene.tag(PRIMARY, "stable"), Some(other.root()));
    // The branch is followed as before, and what was written in between is known to be ours.
    scene.apply(0).await;
    assert_eq!(scene.tag(PRIMARY, "stable"), Some(image.root()));

    let second = scene.commit(0, &[], &[("stable", image.root()), ("v2", other.root())]);
    scene.apply(0).await;
    assert_ne!(first, second);
    let older = scene.landfall(&["apply", "--revision", &first]).await;
    let said = String::from_utf8_lossy(&older.stderr);
    assert_eq!(older.status.code(), Some(3), "{said}");
    assert!(said.contains("is older than"), "{said}");
}
