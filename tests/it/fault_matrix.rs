//! Every fault against every action: whatever a registry does meanwhile, a pass ends, publishes nothing that is wrong,
//! and what is left to do is done once the fault has gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use landfall::demo::registry::{Access, Credentials as EmbeddedCredentials, EmbeddedOptions, EmbeddedRegistry};
use landfall::execute::{AssembledWorld, Stop, SystemClock};
use landfall::facts::Depth;
use landfall::http::{ClientOptions, RetryPolicy, Timeouts};
use landfall::model::{Digest, Prefix, Repository, Tag};
use landfall::plan::Scope;
use landfall::reconcile::state::{Disk, State};
use landfall::reconcile::{Following, Pass, Reconciler, Settings, StateJournal, Unwatched};
use landfall::registry::{Credentials, HttpRegistries, PrefixOptions, RegistryOptions, Secret};
use landfall::sim::images::ImageRecipe;
use landfall::sim::registry::{Behaviour, Store};
use landfall::sim::{History, Seed, SimulatedSigner, Standing, Verdicts};

use crate::faults::{self, Action, Elsewhere, Fault, FaultProxy};
use crate::simulation::KEY;

/// Where the image is promoted to at each endpoint: `near` comes from the primary's own registry, and is mounted there.
const PATHS: [&str; 2] = ["team", "near"];
const TAG: &str = "v1";
/// A pass that takes longer is taken for one that does not end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Cells that are played at once: most of them wait most of the time.
const AT_ONCE: usize = 8;

type World = AssembledWorld<HttpRegistries, SimulatedSigner, StateJournal, SystemClock>;

/// A source, a primary with tokens and the referrers API, a mirror with a password and without; a proxy before each.
struct Stage {
    store: Store,
    registries: Vec<EmbeddedRegistry>,
    elsewhere: Elsewhere,
    proxies: Vec<FaultProxy>,
    history: Arc<History>,
    signer: SimulatedSigner,
    disk: Disk,
    image: Digest,
    wrong: Arc<Mutex<Vec<String>>>,
}

fn credentials() -> EmbeddedCredentials {
    EmbeddedCredentials {
        user: "landfall".to_owned(),
        password: "secret".to_owned(),
    }
}

impl Stage {
    async fn set(client: reqwest::Client) -> Self {
        let store = Store::new();
        let elsewhere = Elsewhere::start().await;
        let bearer = Access::Bearer {
            credentials: credentials(),
            anonymous_pull: false,
        };
        let kinds = [
            (Access::Anonymous, Behaviour::default()),
            (bearer, Behaviour::default()),
            (Access::Basic(credentials()), Behaviour::without_referrers()),
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
            signer: SimulatedSigner::new(KEY.clone()),
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
            ("keys/release.pub".to_owned(), KEY.public_key().to_pem()),
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

    /// No tag before what it needs.
    fn watch_tags(&self) {
        for (proxy, registry) in self.proxies.iter().zip(&self.registries) {
            let (store, wrong) = (self.store.clone(), Arc::clone(&self.wrong));
            let name = registry.registry().clone();
            let verdicts = Verdicts::new(KEY.public_key().clone());
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
        let prefixes = self.proxies.iter().enumerate().map(|(index, proxy)| {
            let credentials = Credentials::Basic {
                username: credentials().user,
                password: Secret::new(credentials().password),
            };
            let credentials = (index > 0).then(|| Arc::new(credentials) as _);
            PrefixOptions {
                plain_http: true,
                write: credentials,
                ..PrefixOptions::new(proxy.address().parse::<Prefix>().unwrap())
            }
        });
        let registries = HttpRegistries::new(RegistryOptions {
            prefixes: prefixes.collect(),
            client: ClientOptions {
                timeouts,
                retries: RetryPolicy {
                    attempts: 2,
                    pause: Duration::from_millis(5),
                    refusals: 2,
                    patience: Duration::from_secs(3),
                },
                environment_proxy: false,
                ..ClientOptions::default()
            },
            ..RegistryOptions::default()
        })
        .unwrap();
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
    async fn apply(&self, timeouts: Timeouts) -> Result<Pass, String> {
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

    fn strike(&self, fault: Fault, action: Action, count: usize) {
        for proxy in &self.proxies {
            proxy.set(fault, count, move |seen| seen.action == action);
        }
    }

    fn calm(&self) -> usize {
        self.proxies.iter().map(FaultProxy::calm).sum()
    }

    fn check(&self) -> Result<(), String> {
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
    fn check_end(&self) -> Result<(), String> {
        let verdicts = Verdicts::new(KEY.public_key().clone());
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

/// Short enough for a fault that waits to end soon.
fn impatient() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        head: Duration::from_millis(1_000),
        idle: Duration::from_millis(1_000),
        body: Duration::from_millis(2_000),
        commit: Duration::from_millis(1_000),
    }
}

/// Plays one cell: the fault lasts, then strikes now and then, then is gone. Gives how many requests met it.
async fn play(fault: Fault, action: Action, client: reqwest::Client) -> Result<usize, String> {
    let stage = Stage::set(client).await;
    let mut struck = 0;
    for count in [usize::MAX, 2] {
        stage.strike(fault, action, count);
        stage.apply(impatient()).await?;
        struck += stage.calm();
        stage.check()?;
    }
    let pass = stage.apply(Timeouts::default()).await?;
    stage.check()?;
    if !pass.is_settled() {
        let blocked = pass.last.blocked.iter().map(|blocked| format!("{:?}", blocked.cause));
        let blocked: Vec<String> = blocked.collect();
        return Err(format!("not converged once the fault is gone: {blocked:?}"));
    }
    stage.check_end()?;
    let mark = stage.store.now();
    stage.apply(Timeouts::default()).await?;
    let writes = stage.store.client_writes_since(mark);
    if !writes.is_empty() {
        return Err(format!("a pass after that writes {writes:?}"));
    }
    Ok(struck)
}

async fn play_all(cells: impl Iterator<Item = (Fault, Action)>) {
    let client = faults::client();
    let played: Vec<_> = stream::iter(cells)
        .map(|(fault, action)| {
            let client = client.clone();
            async move { (fault, action, play(fault, action, client).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut struck: BTreeMap<Action, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (fault, action, outcome) in played {
        match outcome {
            Ok(count) => *struck.entry(action).or_default() += count,
            Err(what) => failures.push(format!("{fault:?} at {action:?}: {what}")),
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} cells failed:\n{}", failures.join("\n"));
    assert!(
        struck.values().all(|count| *count > 0),
        "an action met no fault: {struck:?}"
    );
}

/// Those that contain the text in `LANDFALL_CELLS`.
fn cells() -> impl Iterator<Item = (Fault, Action)> {
    let wanted = std::env::var("LANDFALL_CELLS").unwrap_or_default();
    Fault::ALL
        .into_iter()
        .flat_map(|fault| Action::ALL.map(|action| (fault, action)))
        // Passes delete nothing.
        .filter(|(_, action)| *action != Action::Delete)
        .filter(move |(fault, action)| format!("{fault:?} at {action:?}").contains(&wanted))
}

/// Each fault against two actions, and each action against several faults: all of it takes minutes.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_wrong_is_published_and_the_end_is_reached() {
    play_all(cells().step_by(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn every_fault_against_every_action() {
    play_all(cells()).await;
}
