//! A source, a primary and a mirror, each behind a proxy, and passes over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use landfall::demo::registry::{Access, EmbeddedOptions, EmbeddedRegistry};
use landfall::execute::{AssembledWorld, Stop, SystemClock};
use landfall::facts::Depth;
use landfall::http::Timeouts;
use landfall::model::{Digest, Repository, Tag};
use landfall::plan::Scope;
use landfall::reconcile::state::{Disk, State};
use landfall::reconcile::{Following, Pass, Reconciler, Settings, StateJournal, Unwatched};
use landfall::registry::HttpRegistries;
use landfall::sim::images::ImageRecipe;
use landfall::sim::registry::{Behaviour, Store};
use landfall::sim::{History, Seed, SimulatedSigner, Standing, Verdicts};

use super::client::{PATIENCE, embedded_credentials, registries};
use crate::faults::{Action, Elsewhere, Fault, FaultProxy};
use crate::simulation::KEYS;

/// Where the image is promoted to at each endpoint: `near` comes from the primary's own registry, and is mounted there.
const PATHS: [&str; 2] = ["team", "near"];
const TAG: &str = "v1";

type World = AssembledWorld<HttpRegistries, SimulatedSigner, StateJournal, SystemClock>;

/// A source, a primary with tokens and the referrers API, a mirror with a password and without; a proxy before each.
pub struct Stage {
    pub store: Store,
    registries: Vec<EmbeddedRegistry>,
    elsewhere: Elsewhere,
    proxies: Vec<FaultProxy>,
    history: Arc<History>,
    signer: SimulatedSigner,
    disk: Disk,
    pub image: Digest,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    pub async fn set(client: reqwest::Client) -> Self {
        let store = Store::new();
        let elsewhere = Elsewhere::start().await;
        let bearer = Access::Bearer {
            credentials: embedded_credentials(),
            anonymous_pull: false,
        };
        let kinds = [
            (Access::Anonymous, Behaviour::default()),
            (bearer, Behaviour::default()),
            (Access::Basic(embedded_credentials()), Behaviour::without_referrers()),
        ];
        let (mut registries, mut proxies) = (Vec::new(), Vec::new());
        for (access, behaviour) in kinds {
            let options = EmbeddedOptions {
                store: store.clone(),
                access,
                behaviour,
                ..EmbeddedOptions::default()
            };
            let registry = EmbeddedRegistry::start(options).await.unwrap();
            proxies.push(FaultProxy::start(&registry.address().to_string(), &elsewhere, client.clone()).await);
            registries.push(registry);
        }
        let image = ImageRecipe::multi(2).make(Seed(1));
        for registry in &registries[..2] {
            let source: Repository = format!("{}/staging/app", registry.registry()).parse().unwrap();
            image.push(&store, &source);
            image.sbom_referrer().push(&store, &source);
        }
        let stage = Self {
            image: image.root(),
            store,
            elsewhere,
            history: Arc::default(),
            signer: SimulatedSigner::new(&KEYS[..1]),
            disk: Disk::new(),
            wrong: Arc::default(),
            proxies,
            registries,
        };
        stage
            .history
            .commit(&stage.files(), "2026-01-01T00:00:00Z".parse().unwrap());
        stage.watch_tags();
        stage
    }

    fn files(&self) -> BTreeMap<String, String> {
        let [source, primary, mirror] = [0, 1, 2].map(|index| self.proxies[index].address());
        let landfall = format!(
            "version = 1\n\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{primary}/images\"\n\
             signer = \"release\"\n\n[targets.production.mirrors]\nmirror = \"{mirror}/images\"\n\n\
             [projects.team]\nsources = [\"{source}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\n\
             [projects.near]\nsources = [\"{primary}/staging\"]\ntargets = [\"production\"]\npaths = [\"near\"]\n\n\
             [signers.release]\npublic-key = \"keys/release.pub\"\n"
        );
        let promotion = format!("[images.app.tags]\n\"{TAG}\" = \"{}\"\n", self.image);
        BTreeMap::from([
            ("landfall.toml".to_owned(), landfall),
            ("keys/release.pub".to_owned(), KEYS[0].public_key().to_pem()),
            ("promotions/team/app.toml".to_owned(), promotion.clone()),
            ("promotions/near/app.toml".to_owned(), promotion),
        ])
    }

    /// Where the image goes at an endpoint, as its own registry calls it.
    fn places(&self) -> Vec<(Repository, Repository)> {
        let mut places = Vec::new();
        for registry in &self.registries[1..] {
            for path in PATHS {
                let place = format!("{}/images/{path}/app", registry.registry());
                let public = format!("images.example.com/{path}/app");
                places.push((place.parse().unwrap(), public.parse().unwrap()));
            }
        }
        places
    }

    /// The last endpoint, which keeps no list of referrers.
    pub fn mirror(&self) -> &FaultProxy {
        &self.proxies[2]
    }

    /// Where the image goes there, as the registry calls it.
    pub fn mirrored(&self) -> Repository {
        format!("{}/images/{}/app", self.registries[2].registry(), PATHS[0])
            .parse()
            .unwrap()
    }

    /// No tag before what it needs.
    fn watch_tags(&self) {
        for (proxy, registry) in self.proxies.iter().zip(&self.registries) {
            let (store, wrong) = (self.store.clone(), Arc::clone(&self.wrong));
            let name = registry.registry().clone();
            let verdicts = Verdicts::new(vec![KEYS[0].public_key().clone()]);
            proxy.look(move |seen, body| {
                if seen.action != Action::Tag {
                    return;
                }
                let Some((path, tag)) = seen.path.trim_start_matches("/v2/").rsplit_once("/manifests/") else {
                    return;
                };
                let place = Repository::new(name.clone(), path.parse().unwrap());
                let public: Repository = format!("images.example.com/{}", path.trim_start_matches("images/"))
                    .parse()
                    .unwrap();
                let standing = Standing::read(&store, &place, &Digest::of(body), &public, &verdicts);
                if !is_complete(&standing) {
                    let line = format!("{place}:{tag} is set before all that it needs stands: {standing:?}");
                    wrong.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
    }

    fn process(&self, timeouts: Timeouts) -> Reconciler<World, History> {
        // The source is open to all.
        let credentials = |index| index > 0;
        let addresses = self.proxies.iter().map(FaultProxy::address).enumerate();
        let registries = registries(
            addresses.map(|(index, address)| (address, credentials(index))),
            timeouts,
        );
        let state = Arc::new(State::open_on(&self.disk).unwrap());
        let world = AssembledWorld {
            registry: registries,
            signers: self.signer.clone(),
            journal: StateJournal::new(Arc::clone(&state)),
            clock: SystemClock,
        };
        Reconciler::new(Arc::new(world), Arc::clone(&self.history), state, Settings::default()).unwrap()
    }

    /// Runs passes as `apply` does, in a process of its own.
    pub async fn apply(&self, timeouts: Timeouts) -> Result<Pass, String> {
        use landfall::source::Source as _;
        let mut process = self.process(timeouts);
        let head = self.history.head().unwrap();
        let revision = process
            .follow(head, Following::Accept)
            .map_err(|error| error.to_string())?;
        assert!(!revision.has_errors(), "{:?}", revision.diagnostics);
        let scope = Scope {
            depth: Depth::Blobs,
            ..Scope::default()
        };
        let stop = Stop::new();
        let passes = tokio::time::timeout(PATIENCE, process.converge(&scope, &Unwatched, &stop))
            .await
            .map_err(|_| "the passes do not end".to_owned())?;
        let mut passes = passes.map_err(|error| error.to_string())?;
        passes.pop().ok_or_else(|| "no pass was run".to_owned())
    }

    pub fn strike(&self, fault: Fault, action: Action, count: usize) {
        for proxy in &self.proxies {
            proxy.set(fault, count, move |seen| seen.action == action);
        }
    }

    pub fn calm(&self) -> usize {
        self.proxies.iter().map(FaultProxy::calm).sum()
    }

    pub fn check(&self) -> Result<(), String> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        if self.elsewhere.credentials_shown() > 0 {
            return Err("credentials were shown to another host".to_owned());
        }
        Ok(())
    }

    /// All stands, and each signature once.
    pub fn check_end(&self) -> Result<(), String> {
        let verdicts = Verdicts::new(vec![KEYS[0].public_key().clone()]);
        let tag: Tag = TAG.parse().unwrap();
        for (place, public) in self.places() {
            let standing = Standing::read(&self.store, &place, &self.image, &public, &verdicts);
            if !is_complete(&standing) {
                return Err(format!("{place} is not complete: {standing:?}"));
            }
            let times = [
                standing.bundles.len(),
                standing.entries.len(),
                standing.attestations.len(),
            ];
            if times != [1, 1, 1] {
                return Err(format!("{place} was signed more than once: {times:?}"));
            }
            if self.store.tag(&place, &tag) != Some(self.image) {
                return Err(format!("{place} lacks its tag"));
            }
        }
        Ok(())
    }
}

fn is_complete(standing: &Standing) -> bool {
    standing.image && !standing.bundles.is_empty() && !standing.entries.is_empty() && !standing.attestations.is_empty()
}
