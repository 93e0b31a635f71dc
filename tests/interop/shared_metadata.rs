//! cosign and landfall write to the same image at the same time: the fallback index, `.sig` and `.att` belong to both.
//!
//! Registries have no compare-and-swap. Whoever writes between another's read and write is overwritten by it; neither can
//! know. So landfall goes through a proxy, which sees what it reads and writes, and holds it to what can be kept:
//! whatever stood when landfall last looked is in what it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use jiff::Timestamp;
use landfall::model::{Digest, Tag, media_type};
use landfall::sim::Seed;
use landfall::sim::images::ImageRecipe;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::statement::predicate_type;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::cosign::{Cosign, PASSWORD};
use crate::faults::{self, Elsewhere, FaultProxy};
use crate::registry::{Registry, Software};
use crate::signatures::OLD_FORM;

const KEY: &str = "release";
const REPOSITORY: &str = "images/team/app";
/// Images that are promoted, one after the other, each while cosign writes to it everywhere.
const ROUNDS: u64 = 4;

/// What stands under one shared tag.
type Entries = BTreeSet<String>;

#[derive(Default)]
struct Books {
    /// What stood there when landfall last asked, by path.
    asked: BTreeMap<String, Entries>,
    lost: Vec<String>,
}

/// An endpoint, and the proxy that landfall reaches it by.
struct Endpoint {
    registry: Registry,
    proxy: FaultProxy,
    books: Arc<Mutex<Books>>,
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entries of an index, or the layers of `.sig` and `.att`.
fn entries(manifest: &[u8]) -> Entries {
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let listed = manifest["manifests"].as_array().or(manifest["layers"].as_array());
    let name = |entry: &Value| format!("{} {}", entry["digest"], entry["annotations"]);
    listed.unwrap().iter().map(name).collect()
}

/// What stands there now.
async fn standing(client: &reqwest::Client, url: &str) -> Entries {
    let request = client.get(url).header("accept", media_type::ACCEPT);
    let answer = request.send().await.unwrap();
    match answer.status().as_u16() {
        404 => Entries::new(),
        _ => entries(&answer.bytes().await.unwrap()),
    }
}

impl Endpoint {
    async fn start(software: Software, elsewhere: &Elsewhere) -> Self {
        let registry = Registry::start(software);
        let proxy = FaultProxy::start(registry.address(), elsewhere, faults::client()).await;
        let books = Arc::<Mutex<Books>>::default();
        let (looked, client, handle) = (Arc::clone(&books), faults::client(), Handle::current());
        let address = registry.address().to_owned();
        proxy.look(move |seen, body| {
            if !seen.path.contains("/manifests/sha256-") {
                return;
            }
            if seen.method == Method::GET {
                let url = format!("http://{address}{}", seen.path);
                let standing = block_in_place(|| handle.block_on(standing(&client, &url)));
                lock(&looked).asked.insert(seen.path.clone(), standing);
            } else if seen.method == Method::PUT {
                let mut books = lock(&looked);
                let asked = books.asked.get(&seen.path).cloned().unwrap_or_default();
                let lost: Vec<String> = asked.difference(&entries(body)).cloned().collect();
                if !lost.is_empty() {
                    books.lost.push(format!("{}: {lost:?}", seen.path));
                }
            }
        });
        Self { registry, proxy, books }
    }

    /// How cosign names the image.
    fn reference(&self, image: &Digest) -> String {
        format!("{}/{REPOSITORY}@{image}", self.registry.address())
    }

    /// One cosign after the other, beginning with the `first` and going round.
    fn write(&self, cosign: &Cosign, image: &Digest, first: usize) {
        let runs: [(&str, &str, &[&str]); 5] = [
            ("sign", "ada", &[]),
            ("sign", "bob", &[OLD_FORM]),
            ("attest", "bob", &["--predicate", "predicate.json", "--type", "custom"]),
            ("sign", "ada", &[OLD_FORM]),
            (
                "attest",
                "ada",
                &["--predicate", "predicate.json", "--type", "custom", OLD_FORM],
            ),
        ];
        let reference = self.reference(image);
        for index in 0..runs.len() {
            let (command, key, more) = runs[(first + index) % runs.len()];
            match command {
                "sign" => cosign.sign(key, more, &reference),
                _ => cosign.attest(key, more, &reference),
            }
        }
    }

    /// What cosign wrote with these keys and cannot verify.
    fn missing(&self, cosign: &Cosign, image: &Digest) -> Vec<String> {
        let custom: &[&str] = &["--type", "custom"];
        let promotion: &[&str] = &["--type", predicate_type::PROMOTION];
        let old = &["--type", "custom", OLD_FORM];
        let wanted: [(&str, &str, &[&str]); 8] = [
            ("verify", "ada", &[]),
            ("verify", "ada", &[OLD_FORM]),
            ("verify", "bob", &[OLD_FORM]),
            ("verify", KEY, &[]),
            ("verify", KEY, &[OLD_FORM]),
            ("verify-attestation", "bob", custom),
            ("verify-attestation", "ada", old),
            ("verify-attestation", KEY, promotion),
        ];
        let reference = self.reference(image);
        wanted
            .iter()
            .filter_map(|(command, key, more)| {
                let refused = cosign.verify(command, key, more, &reference).err()?;
                Some(format!("{reference}: {command} {key} {more:?}: {refused}"))
            })
            .collect()
    }
}

/// A commit that promotes these images, and what landfall needs to follow it.
fn promote(cosign: &Cosign, source: &Registry, endpoints: &[Endpoint], images: &[Digest]) {
    let prefixes: Vec<String> = endpoints
        .iter()
        .map(|endpoint| format!("{}/images", endpoint.proxy.address()))
        .collect();
    let mut configuration = format!(
        "allow-writes = {prefixes:?}\n\n[git]\nurl = \"releases\"\n\n[storage]\nstate = \"state\"\ncache = \"cache\"\n\n\
         [signers.{KEY}]\nprivate-key = \"{KEY}.key\"\npassword-file = \"release.password\"\n"
    );
    let addresses = endpoints.iter().map(|endpoint| endpoint.proxy.address());
    for address in addresses.chain([source.address().to_owned()]) {
        configuration += &format!("\n[registries.\"{address}\"]\nplain-http = true\n");
    }
    cosign.write("config.toml", configuration);
    cosign.write("release.password", PASSWORD);
    let manifest = format!(
        "version = 1\n\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{}\"\nsigner = \"{KEY}\"\n\n\
         [targets.production.mirrors]\nasia = \"{}\"\n\n\
         [projects.team]\nsources = [\"{}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\n\
         [signers.{KEY}]\npublic-key = \"keys/{KEY}.pub\"\n",
        prefixes[0],
        prefixes[1],
        source.address()
    );
    let lines = images.iter().enumerate();
    let lines: String = lines
        .map(|(number, image)| format!("\"v{number}\" = \"{image}\"\n"))
        .collect();
    let files = BTreeMap::from([
        ("landfall.toml".to_owned(), manifest.into_bytes()),
        (format!("keys/{KEY}.pub"), cosign.public_key(KEY).to_pem().into_bytes()),
        (
            "promotions/team/app.toml".to_owned(),
            format!("[images.app.tags]\n{lines}").into_bytes(),
        ),
    ]);
    let author = Identity {
        name: "Ada",
        mail: "ada@example.com",
    };
    let repository = cosign.path("releases");
    if images.len() == 1 {
        author::init(&repository, Layout::WorkTree, "main").unwrap();
    }
    author::commit(&repository, "main", &files, "Promote app", author, Timestamp::now()).unwrap();
}

/// `landfall apply`. What others wrote meanwhile may leave something for the next one.
fn apply(cosign: &Cosign) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["apply", "--config"]).arg(cosign.path("config.toml"));
    command.env_remove("RUST_LOG").output().unwrap().status.code()
}

async fn write_together(software: Software) {
    let elsewhere = Elsewhere::start().await;
    let source = Registry::start(software);
    let endpoints = [
        Endpoint::start(software, &elsewhere).await,
        Endpoint::start(software, &elsewhere).await,
    ];
    let cosign = Cosign::new();
    for key in [KEY, "ada", "bob"] {
        cosign.generate(key);
    }
    cosign.write("predicate.json", "{\"passed\":true}");
    let mut images = Vec::new();
    let mut overwritten = 0;
    for round in 0..ROUNDS {
        let made = ImageRecipe::multi(2).make(Seed(round));
        let image = source.push("staging/app", &made).await.descriptor.digest;
        images.push(image);
        // It stands already: what is left to landfall is what both write.
        for endpoint in &endpoints {
            endpoint.registry.push(REPOSITORY, &made).await;
        }
        promote(&cosign, &source, &endpoints, &images);
        let ended = AtomicBool::new(false);
        let applies = std::thread::scope(|scope| {
            let landfall = scope.spawn(|| {
                let mut applies = 0;
                while !ended.load(Ordering::Relaxed) {
                    let code = apply(&cosign);
                    assert!(matches!(code, Some(0 | 5)), "{code:?}");
                    applies += 1;
                }
                applies
            });
            let first = usize::try_from(round).unwrap();
            let writers = endpoints.each_ref().map(|endpoint| {
                let (cosign, image) = (&cosign, &image);
                scope.spawn(move || endpoint.write(cosign, image, first))
            });
            let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
            ended.store(true, Ordering::Relaxed);
            written.into_iter().for_each(|written| written.unwrap());
            landfall.join().unwrap()
        });
        println!("{software:?}: {applies} applies in round {round}");
        assert_eq!(apply(&cosign), Some(0));
        for endpoint in &endpoints {
            let lost = lock(&endpoint.books).lost.clone();
            assert!(lost.is_empty(), "landfall left out what it had been told: {lost:?}");
            if !endpoint.missing(&cosign, &image).is_empty() {
                // Written between landfall's look and its write, and so overwritten: cosign's turn again, alone.
                overwritten += 1;
                endpoint.write(&cosign, &image, 0);
            }
        }
    }
    println!("{software:?}: {overwritten} of {} were overwritten unseen", 2 * ROUNDS);
    assert_eq!(apply(&cosign), Some(0));
    for endpoint in &endpoints {
        for image in &images {
            let missing = endpoint.missing(&cosign, image);
            assert!(missing.is_empty(), "{missing:?}");
            let listed = endpoint.registry.referrers(REPOSITORY, image).await;
            // Two of landfall's, two of cosign's.
            assert!(listed.len() >= 4, "{listed:?}");
            for found in &listed {
                let stands = endpoint.registry.manifest(REPOSITORY, &found.digest.to_string()).await;
                assert!(stands.is_some(), "{found:?}");
                assert_eq!(found.media_type, media_type::OCI_MANIFEST);
            }
            let tag = Tag::cosign(image, "sig");
            let signatures = endpoint.registry.manifest(REPOSITORY, tag.as_str()).await.unwrap();
            assert!(entries(&signatures).len() >= 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_and_landfall_write_at_once_where_the_index_is_theirs_to_keep() {
    write_together(Software::DockerRegistry).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_and_landfall_write_at_once_where_the_registry_keeps_the_list() {
    write_together(Software::WithReferrers).await;
}
