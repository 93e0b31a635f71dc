//! A registry that is written down, adopted, and found to be as desired.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use jiff::Timestamp;
use landfall::demo::registry::{Access, Credentials, EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository, Tag, media_type};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::Behaviour;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::{PrivateKey, SignatureEntry, signature_manifest, simple_signing};
use serde_json::Value;

use crate::program::landfall;

struct Scene {
    folder: tempfile::TempDir,
    registry: EmbeddedRegistry,
}

impl Scene {
    async fn set(access: Access) -> Self {
        let options = EmbeddedOptions {
            access,
            ..EmbeddedOptions::default()
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            registry: EmbeddedRegistry::start(options).await.unwrap(),
        }
    }

    fn repository(&self, path: &str) -> Repository {
        Repository::new(self.registry.registry().clone(), path.parse().unwrap())
    }

    fn push(&self, path: &str, seed: u64, tags: &[&str]) -> Image {
        let image = ImageRecipe::multi(2).make(Seed(seed));
        let repository = self.repository(path);
        image.push(self.registry.store(), &repository);
        for tag in tags {
            self.tag(path, tag, image.root());
        }
        image
    }

    fn tag(&self, path: &str, tag: &str, digest: Digest) {
        let tag: Tag = tag.parse().unwrap();
        self.registry.store().set_tag(&self.repository(path), &tag, digest);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn landfall(&self, arguments: &[&str]) -> Output {
        landfall(self.folder.path(), arguments).await
    }

    async fn snapshot(&self, prefix: &str, more: &[&str]) -> Output {
        let prefix = format!("{}{prefix}", self.registry.registry());
        let arguments = ["snapshot", &prefix, "--output", "images", "--plain-http"];
        self.landfall(&[&arguments, more].concat()).await
    }

    /// The tags that a snapshot names, by image.
    async fn tags(&self, prefix: &str, more: &[&str]) -> BTreeMap<String, Vec<String>> {
        let output = self.snapshot(prefix, &[&["--format", "json"], more].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        fs::remove_dir_all(self.path("images")).unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schemaVersion"], 1);
        let images = document["images"].as_object().unwrap().iter();
        images
            .map(|(name, image)| {
                let tags = image["tags"].as_object().unwrap().keys().cloned().collect();
                (name.clone(), tags)
            })
            .collect()
    }

    fn commit(&self) {
        let mut files = BTreeMap::new();
        collect(&self.path("images"), "", &mut files);
        let repository = self.path("images");
        fs::remove_dir_all(&repository).unwrap();
        author::init(&repository, Layout::WorkTree, "main").unwrap();
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        author::commit(&repository, "main", &files, "Write it down", author, Timestamp::now()).unwrap();
    }
}

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_was_written_down_and_adopted_needs_nothing() {
    let scene = Scene::set(Access::Anonymous).await;
    let app = scene.push("images/app", 1, &["v1.0.0", "latest"]);
    scene.push("images/team/deep/app", 2, &["v1", "v2"]);
    scene.push("images", 3, &["v1"]);
    scene.push("other/app", 4, &["v1"]);
    let store = scene.registry.store();
    for metadata in [app.sbom_referrer(), app.cosign_tag("sig")] {
        metadata.push(store, &scene.repository("images/app"));
    }
    let many = scene.push("images/many", 5, &[]);
    for number in 0..1_200 {
        scene.tag("images/many", &format!("v{number}"), many.root());
    }
    for number in 0..150 {
        scene.push(&format!("images/more/r{number}"), 100 + number % 3, &["v1"]);
    }

    let output = scene.snapshot("/images", &["--write-config", "config.toml"]).await;
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said.contains("1354 tags of 153 repositories"), "{said}");
    assert!(said.contains("it stands at the prefix itself"), "{said}");
    assert!(!said.contains("other"), "{said}");
    scene.commit();

    let mark = store.now();
    for arguments in [
        &["validate", "images"][..],
        &["fmt", "--check", "images"],
        &["adopt", "**", "--reason", "ours", "--config", "config.toml"],
        &["plan", "--detailed-exitcode", "--config", "config.toml"],
        &["apply", "--config", "config.toml"],
        &[
            "plan",
            "--detailed-exitcode",
            "--depth",
            "blobs",
            "--config",
            "config.toml",
        ],
    ] {
        let output = scene.landfall(arguments).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
    assert_eq!(store.client_writes_since(mark), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_moved_meanwhile_are_adopted_by_pattern() {
    let scene = Scene::set(Access::Anonymous).await;
    let before = scene.push("images/app", 1, &[]);
    let after = scene.push("images/app", 2, &[]);
    for number in 0..200 {
        scene.tag("images/app", &format!("v{number}"), before.root());
    }
    let output = scene.snapshot("/images", &["--write-config", "config.toml"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    scene.commit();
    for number in 0..200 {
        scene.tag("images/app", &format!("v{number}"), after.root());
    }
    let adopt = async |glob: &str| {
        let glob = format!("{}/images/{glob}", scene.registry.registry());
        let arguments = ["adopt", &glob, "--reason", "ours", "--config", "config.toml"];
        let output = scene.landfall(&arguments).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines()
            .filter(|line| line.contains("the next apply may replace it"))
            .count()
    };
    assert_eq!(adopt("app:v1??").await, 100);
    assert_eq!(adopt("**").await, 100);
    assert_eq!(adopt("**").await, 0);
    let plan = ["plan", "--detailed-exitcode", "--config", "config.toml"];
    let output = scene.landfall(&plan).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_chosen_by_pattern_and_age() {
    let scene = Scene::set(Access::Anonymous).await;
    for number in 1..=4_u64 {
        let created = format!("2026-0{number}-01T00:00:00Z");
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [],
            "annotations": { "org.opencontainers.image.created": created },
        });
        let repository = scene.repository("team/app");
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = scene
            .registry
            .store()
            .add_manifest(&repository, media_type::OCI_INDEX, bytes.into());
        scene.tag("team/app", &format!("v{number}"), digest);
        scene.tag("team/app", &format!("v{number}-debug"), digest);
    }
    let app = |tags: BTreeMap<String, Vec<String>>| tags["app"].join(" ");
    let chosen = scene
        .tags("/team", &["--tag", "v[234]*", "--exclude-tag", "*-debug"])
        .await;
    assert_eq!(app(chosen), "v2 v3 v4");
    assert_eq!(
        app(scene.tags("/team", &["--newest", "3"]).await),
        "v3-debug v4 v4-debug"
    );
    let named = scene.tags("", &["--repository", "team/app", "--tag", "v1"]).await;
    assert_eq!(named, BTreeMap::from([("team/app".to_owned(), vec!["v1".to_owned()])]));
    let output = scene.snapshot("/team", &["--repository", "missing"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_verifies_counts_as_signed() {
    let scene = Scene::set(Access::Anonymous).await;
    let store = scene.registry.store();
    let repository = scene.repository("team/app");
    let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    for (tag, seed, signer) in [("ours", 1, Some(&key)), ("theirs", 2, Some(&other)), ("none", 3, None)] {
        let image = scene.push("team/app", seed, &[tag]);
        let Some(signer) = signer else { continue };
        let payload = bytes::Bytes::from(simple_signing::payload(&repository, &image.root()));
        let signature = signer.sign(&payload).unwrap();
        let entry = SignatureEntry::new(signer.public_key(), payload, &signature).unwrap();
        let limits = landfall::model::Limits::default();
        let landfall::trust::Merge::Write(merged) = signature_manifest::merge(None, &[entry], &limits).unwrap() else {
            panic!("nothing stands there")
        };
        for (_, blob) in merged.blobs {
            store.add_blob(&repository, blob);
        }
        let digest = store.add_manifest(&repository, &merged.descriptor.media_type, merged.manifest);
        store.set_tag(&repository, &Tag::cosign(&image.root(), "sig"), digest);
    }
    fs::write(scene.path("ours.pub"), key.public_key().to_pem()).unwrap();
    fs::write(scene.path("theirs.pub"), other.public_key().to_pem()).unwrap();
    let app = |tags: BTreeMap<String, Vec<String>>| tags["app"].join(" ");
    assert_eq!(app(scene.tags("/team", &["--signed-by", "ours.pub"]).await), "ours");
    let both = ["--signed-by", "ours.pub", "--signed-by", "theirs.pub"];
    assert_eq!(app(scene.tags("/team", &both).await), "ours theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_vanishes_is_named_and_what_exists_is_kept() {
    let scene = Scene::set(Access::Anonymous).await;
    let behaviour = Behaviour {
        lists_dangling_tags: true,
        ..Behaviour::default()
    };
    scene
        .registry
        .store()
        .set_behaviour(scene.registry.registry(), behaviour);
    scene.push("team/app", 1, &["v1"]);
    scene.tag("team/app", "gone", Digest::of(b"nothing"));
    let output = scene.snapshot("/team", &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("team/app:gone: the registry lists this tag, and has nothing there"),
        "{said}"
    );
    let output = scene.snapshot("/team", &[]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("exists: nothing was written")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_credentials_is_read_with_them_or_refused() {
    let credentials = Credentials {
        user: "ci".into(),
        password: "secret".into(),
    };
    let access = Access::Bearer {
        credentials,
        anonymous_pull: true,
    };
    let scene = Scene::set(access).await;
    scene.push("team/app", 1, &["v1"]);
    // Everybody may pull, and only those who are known see the list.
    let output = scene.snapshot("/team", &[]).await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--repository NAME"), "{said}");
    assert!(!scene.path("images").exists());
    assert_eq!(scene.tags("/team", &["--repository", "app"]).await.len(), 1);
    let auths = serde_json::json!({ "auths": { scene.registry.registry().to_string(): { "auth": "Y2k6c2VjcmV0" } } });
    fs::create_dir(scene.path(".docker")).unwrap();
    fs::write(scene.path(".docker/config.json"), auths.to_string()).unwrap();
    assert_eq!(scene.tags("/team", &[]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kpromos_manifests_are_written_too() {
    let scene = Scene::set(Access::Anonymous).await;
    let image = scene.push("team/app", 1, &["v1", "1.0"]);
    let more = ["--as", "kpromo", "--destination", "eu.example.com/images"];
    let output = scene.snapshot("/team", &more).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let list = fs::read_to_string(scene.path("images/images/team/images.yaml")).unwrap();
    assert_eq!(
        list,
        format!(
            "- name: \"app\"\n  dmap:\n    \"{}\": [\"1.0\", \"v1\"]\n",
            image.root()
        )
    );
}
