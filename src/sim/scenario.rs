//! A random desired state, written as the manifests that people write, and how it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedMutRandom, IndexedRandom, IteratorRandom};

use super::Seed;
use super::images::{Image, ImageRecipe};
use super::registry::{Behaviour, Store};
use crate::model::{Digest, Prefix, Registry, Repository, RepositoryPath};

const PROJECT: &str = "team";
const SOURCE: &str = "source.test/team";

/// One target of the scenario.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    pub name: String,
    /// Registry and prefix, the primary first.
    pub endpoints: Vec<String>,
    /// Names of the mirrors, in the same order.
    mirrors: Vec<String>,
    signatures: &'static str,
    formats: &'static str,
    signed: bool,
}

/// What is claimed of one image name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ClaimedImage {
    tags: BTreeMap<String, Digest>,
    untagged: BTreeSet<Digest>,
}

/// Targets, and what stands in the manifests now.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub targets: Vec<TargetPlan>,
    chained: bool,
    /// Every key there is, as PEM.
    keys: Vec<String>,
    /// Which of them signs now, and which signed before and still count.
    present_key: usize,
    previous_keys: BTreeSet<usize>,
    /// Endpoints get names and prefixes that nobody had before.
    next_endpoint: usize,
    images: BTreeMap<String, ClaimedImage>,
    /// What the source offers under each image name.
    offered: BTreeMap<String, Vec<Digest>>,
    /// Tags are immutable: a name is used once.
    next_tag: usize,
}

impl Scenario {
    /// Draws targets and puts images at the source.
    #[must_use]
    pub fn draw(seed: Seed, store: &Store, keys: impl IntoIterator<Item = String>) -> Self {
        let mut rng = seed.stream("scenario");
        let size = if rng.random_bool(0.2) { Size::LARGE } else { Size::SMALL };
        let chained = rng.random_bool(0.25);
        let count = if chained { 2 } else { 1 };
        let targets: Vec<TargetPlan> = (0..count).map(|index| draw_target(index, &size, &mut rng)).collect();
        for target in &targets {
            for endpoint in &target.endpoints {
                if let Ok(prefix) = endpoint.parse::<Prefix>() {
                    store.set_behaviour(&prefix.registry, draw_behaviour(&mut rng));
                }
            }
        }
        if let Ok(registry) = "source.test".parse::<Registry>() {
            let behaviour = Behaviour {
                // Nothing is listed there by landfall.
                resolves_digest_tags: rng.random_bool(0.2),
                ..draw_behaviour(&mut rng)
            };
            store.set_behaviour(&registry, behaviour);
        }
        let mut scenario = Self {
            targets,
            chained,
            keys: keys.into_iter().collect(),
            present_key: 0,
            previous_keys: BTreeSet::new(),
            next_endpoint: 0,
            images: BTreeMap::new(),
            offered: BTreeMap::new(),
            next_tag: 0,
        };
        for index in 0..rng.random_range(1..=size.names) {
            let name = ["api", "worker", "tools/cli"][index].to_owned();
            let mut offered = Vec::new();
            for version in 0..rng.random_range(1..=size.versions) {
                let image = draw_image(seed.derive(&format!("{name}/{version}")), &mut rng);
                push(&image, &name, store, &mut rng);
                offered.push(image.root());
                // One platform of it is promoted by itself as well.
                let below = image.manifests().iter().map(|manifest| manifest.digest);
                let below = below.filter(|digest| *digest != image.root()).choose(&mut rng);
                offered.extend(below.filter(|_| rng.random_bool(0.4)));
            }
            scenario.offered.insert(name, offered);
        }
        scenario.change(&mut rng);
        scenario
    }

    /// Changes the manifests as a commit would: promotes, moves `latest`, or drops something.
    pub fn change(&mut self, rng: &mut SmallRng) {
        for _ in 0..rng.random_range(1..=3) {
            let Some((name, offered)) = self.offered.iter().choose(rng) else {
                return;
            };
            let Some(digest) = offered.choose(rng).copied() else {
                return;
            };
            let image = self.images.entry(name.clone()).or_default();
            match rng.random_range(0..10) {
                0..=4 => {
                    image.tags.insert(format!("v{}", self.next_tag), digest);
                    self.next_tag += 1;
                }
                5..=6 => {
                    image.tags.insert("latest".to_owned(), digest);
                }
                7 => {
                    image.untagged.insert(digest);
                }
                8 => {
                    if let Some(tag) = image.tags.keys().choose(rng).cloned() {
                        image.tags.remove(&tag);
                    }
                }
                _ => {
                    image.untagged.pop_first();
                }
            }
        }
    }

    /// Gives the signers another key. What the one before signed may still count, or not any more.
    pub fn rotate(&mut self, rng: &mut SmallRng) -> String {
        let others = (0..self.keys.len()).filter(|key| *key != self.present_key);
        let Some(next) = others.choose(rng) else {
            return "the only key stays".to_owned();
        };
        if rng.random_bool(0.5) {
            self.previous_keys.insert(self.present_key);
        } else {
            self.previous_keys.clear();
        }
        self.previous_keys.remove(&next);
        self.present_key = next;
        format!("key {next} signs, and {:?} count", self.previous_keys)
    }

    /// Changes a setting of one target, or its endpoints.
    pub fn reconfigure(&mut self, rng: &mut SmallRng) -> String {
        let Some(target) = self.targets.choose_mut(rng) else {
            return "there are no targets".to_owned();
        };
        self.next_endpoint += 1;
        let number = self.next_endpoint;
        let what = match rng.random_range(0..7) {
            0 => {
                let primary_only = target.signatures == "primary-only";
                target.signatures = if primary_only { "replicate" } else { "primary-only" };
                format!("signatures = {}", target.signatures)
            }
            1 => {
                target.formats = draw_formats(rng);
                format!("formats = {}", target.formats)
            }
            2 if target.mirrors.len() < 3 => {
                // Before or behind the others, by its name: they are numbered anew or not.
                target.mirrors.insert(0, format!("{}{number}", ["a", "z"][number % 2]));
                target
                    .endpoints
                    .insert(1, format!("{}m{number}.test/images", target.name));
                "a mirror comes".to_owned()
            }
            3 if !target.mirrors.is_empty() => {
                let gone = rng.random_range(0..target.mirrors.len());
                target.mirrors.remove(gone);
                format!("mirror {} goes", target.endpoints.remove(gone + 1))
            }
            4 if !target.mirrors.is_empty() => {
                let renamed = rng.random_range(0..target.mirrors.len());
                target.mirrors[renamed] = format!("n{number}");
                format!("mirror {} is called n{number}", target.endpoints[renamed + 1])
            }
            5 => {
                let moved = rng.random_range(0..target.endpoints.len());
                let prefix = format!("{}p{number}.test/images", target.name);
                std::mem::replace(&mut target.endpoints[moved], prefix.clone()) + " is " + &prefix
            }
            _ => {
                target.signed = true;
                "it is signed".to_owned()
            }
        };
        format!("{}: {what}", target.name)
    }

    /// The repository's files.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut root = String::from("version = 1\n\n");
        let previous: Vec<String> = self
            .previous_keys
            .iter()
            .map(|key| format!("\"keys/{key}.pub\""))
            .collect();
        let previous = previous.join(", ");
        for target in &self.targets {
            let _ = writeln!(root, "[targets.{}]", target.name);
            let _ = writeln!(root, "public-name = \"{}.public.test\"", target.name);
            let _ = writeln!(root, "primary = \"{}\"", target.endpoints[0]);
            let _ = writeln!(root, "signatures = \"{}\"", target.signatures);
            let _ = writeln!(root, "mutable-tags = [\"latest\"]");
            if target.signed {
                let _ = writeln!(root, "signer = \"{}\"", target.name);
            }
            let mirrors = &target.endpoints[1..];
            if !mirrors.is_empty() {
                let _ = writeln!(root, "\n[targets.{}.mirrors]", target.name);
                for (name, mirror) in target.mirrors.iter().zip(mirrors) {
                    let _ = writeln!(root, "{name} = \"{mirror}\"");
                }
            }
            if target.signed {
                let _ = writeln!(
                    root,
                    "\n[signers.{}]\npublic-key = \"keys/{}.pub\"\nprevious = [{}]\nformats = {}\n",
                    target.name, self.present_key, previous, target.formats
                );
            }
        }
        let targets: Vec<String> = self
            .targets
            .iter()
            .map(|target| format!("\"{}\"", target.name))
            .collect();
        let chain = if self.chained {
            format!(", \"target:{}\"", self.targets[0].name)
        } else {
            String::new()
        };
        let _ = writeln!(
            root,
            "[projects.{PROJECT}]\nsources = [\"{SOURCE}\"{chain}]\ntargets = [{}]\npaths = [\"{PROJECT}\"]",
            targets.join(", ")
        );
        let mut files = BTreeMap::from([("landfall.toml".to_owned(), root)]);
        let keys = self.keys.iter().enumerate();
        files.extend(keys.map(|(number, key)| (format!("keys/{number}.pub"), key.clone())));
        for (index, target) in self.targets.iter().enumerate() {
            let source = if index == 0 {
                SOURCE.to_owned()
            } else {
                format!("target:{}", self.targets[0].name)
            };
            files.insert(
                format!("promotions/{PROJECT}/{}.toml", target.name),
                format!(
                    "source = \"{source}\"\ntarget = \"{}\"\n{}",
                    target.name,
                    self.promotions()
                ),
            );
        }
        files
    }

    fn promotions(&self) -> String {
        let mut text = String::new();
        for (name, image) in &self.images {
            if !image.untagged.is_empty() {
                let digests: Vec<String> = image.untagged.iter().map(|digest| format!("\"{digest}\"")).collect();
                let _ = writeln!(text, "\n[images.\"{name}\"]\nuntagged = [{}]", digests.join(", "));
            }
            if !image.tags.is_empty() {
                let _ = writeln!(text, "\n[images.\"{name}\".tags]");
                for (tag, digest) in &image.tags {
                    let _ = writeln!(text, "\"{tag}\" = \"{digest}\"");
                }
            }
        }
        text
    }

    /// Every registry of the scenario.
    #[must_use]
    pub fn registries(&self) -> Vec<Registry> {
        self.endpoints()
            .map(|prefix| prefix.registry)
            .chain("source.test".parse())
            .collect()
    }

    /// Every endpoint of every target.
    pub fn endpoints(&self) -> impl Iterator<Item = Prefix> {
        self.targets
            .iter()
            .flat_map(|target| &target.endpoints)
            .filter_map(|endpoint| endpoint.parse().ok())
    }

    /// Every repository below an endpoint that a claim was ever made for.
    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        self.endpoints()
            .flat_map(|prefix| {
                self.offered
                    .keys()
                    .filter_map(|name| format!("{PROJECT}/{name}").parse::<RepositoryPath>().ok())
                    .map(|path| prefix.join(&path))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// The most there is of each in a scenario.
struct Size {
    endpoints: usize,
    names: usize,
    versions: usize,
}

impl Size {
    /// Most are small: what goes wrong with four endpoints mostly goes wrong with two, and more worlds can be played.
    const SMALL: Self = Self {
        endpoints: 2,
        names: 1,
        versions: 2,
    };
    const LARGE: Self = Self {
        endpoints: 4,
        names: 3,
        versions: 3,
    };
}

fn draw_target(index: usize, size: &Size, rng: &mut SmallRng) -> TargetPlan {
    let name = ["staging", "production"][index].to_owned();
    let endpoints = (0..rng.random_range(1..=size.endpoints))
        .map(|endpoint| format!("{name}{endpoint}.test/images"))
        .collect();
    let endpoints: Vec<String> = endpoints;
    TargetPlan {
        mirrors: (1..endpoints.len()).map(|mirror| format!("mirror{mirror}")).collect(),
        endpoints,
        signatures: if rng.random_bool(0.2) {
            "primary-only"
        } else {
            "replicate"
        },
        formats: draw_formats(rng),
        signed: rng.random_bool(0.9),
        name,
    }
}

fn draw_formats(rng: &mut SmallRng) -> &'static str {
    // One draw, so that the stories of seeds stay what they were but for this.
    let drawn = rng.random::<f64>();
    if drawn < 0.5 {
        "[\"bundle\", \"tag\"]"
    } else if drawn < 0.7 {
        "[\"bundle\", \"tag\", \"referrer\"]"
    } else {
        "[\"bundle\"]"
    }
}

fn draw_behaviour(rng: &mut SmallRng) -> Behaviour {
    let referrers_api = rng.random_bool(0.6);
    let acknowledges_subject = referrers_api && rng.random_bool(0.9);
    Behaviour {
        referrers_api,
        acknowledges_subject,
        head_finds_manifests: rng.random_bool(0.85),
        // Where the registry keeps no list itself either, no bundle could be listed, for good.
        resolves_digest_tags: acknowledges_subject && rng.random_bool(0.2),
        drops_untagged: rng.random_bool(0.3),
        mounts: rng.random_bool(0.5),
        tag_page: rng.random_range(1..5),
        head_trusts_tags: rng.random_bool(0.3),
        lists_dangling_tags: rng.random_bool(0.5),
        deletes_tags_with_manifest: rng.random_bool(0.5),
        knows_untagged_repositories: rng.random_bool(0.7),
        ..Behaviour::default()
    }
}

fn draw_image(seed: Seed, rng: &mut SmallRng) -> Image {
    match rng.random_range(0..5) {
        0..=2 => ImageRecipe::single(),
        3 => ImageRecipe::multi(2),
        _ => ImageRecipe::nested(2, 2),
    }
    .make(seed)
}

/// Puts an image, and some of what may travel with it, at the source.
fn push(image: &Image, name: &str, store: &Store, rng: &mut SmallRng) {
    let Ok(repository) = format!("{SOURCE}/{name}").parse::<Repository>() else {
        return;
    };
    image.push(store, &repository);
    if rng.random_bool(0.4) {
        let sbom = image.sbom_referrer();
        sbom.push(store, &repository);
        if rng.random_bool(0.3) {
            sbom.attestation_referrer().push(store, &repository);
        }
    }
    for suffix in ["sig", "att", "sbom"] {
        if rng.random_bool(0.15) {
            image.cosign_tag(suffix).push(store, &repository);
        }
    }
}
