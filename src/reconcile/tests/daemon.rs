//! The daemon over virtual time: what is slow holds up nothing else, and what is damaged is seen within its bound.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::{Process, commit, process_at};
use crate::execute::Stop;
use crate::facts::Depth;
use crate::model::{Digest, Repository};
use crate::reconcile::state::State;
use crate::reconcile::{Following, Loop, Requests, Unwatched, Wake};
use crate::sim::images::ImageRecipe;
use crate::sim::registry::{FaultPlan, Latency, MemoryRegistries, Operation, Store};
use crate::sim::{History, Seed};

pub(super) const LANDFALL: &str = "version = 1\n\
    [targets.one]\npublic-name = \"one.public.test\"\nprimary = \"one.test/images\"\n\
    [targets.one.mirrors]\nslow = \"slow.test/images\"\n\
    [targets.two]\npublic-name = \"two.public.test\"\nprimary = \"two.test/images\"\n\
    [projects.team]\nsources = [\"source.test/team\"]\ntargets = [\"one\", \"two\"]\npaths = [\"team\"]\n";

pub(super) fn promotion(target: &str, digest: Digest) -> String {
    format!("target = \"{target}\"\n[images.app.tags]\n\"v1\" = \"{digest}\"\n")
}

pub(super) fn options(registries: SignedDuration) -> Loop {
    Loop {
        commits: SignedDuration::from_secs(30),
        registries,
        scope_depth: Depth::Manifests,
    }
}

pub(super) fn tag(store: &Store, place: &str) -> Option<Digest> {
    store.tag(&place.parse().unwrap(), &"v1".parse().unwrap())
}

/// Runs the daemon beside `meanwhile`, which ends it.
pub(super) async fn beside(
    process: &mut Process,
    options: Loop,
    meanwhile: impl Future<Output = ()>,
    wake: mpsc::Receiver<Wake>,
) {
    let (stop, mut wake, mut requests) = (Stop::new(), wake, Requests::nobody());
    let ending = async {
        meanwhile.await;
        stop.cancel();
    };
    tokio::join!(
        process.run_loop(&options, &mut wake, &Unwatched, &stop, &mut requests, |_, _| {}),
        ending
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_mirror_holds_up_neither_its_primary_nor_another_targets_commit() {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let images = [1, 2].map(|seed| ImageRecipe::single().make(Seed(seed)));
    let source: Repository = "source.test/team/app".parse().unwrap();
    images.iter().for_each(|image| image.push(&store, &source));
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default()).with_latency_at(
        &"slow.test".parse().unwrap(),
        Latency {
            request: Duration::from_secs(10),
            chunk: Duration::from_secs(1_000),
        },
    );
    let mut process = process_at(State::in_memory().unwrap(), &history, registries);
    let one = promotion("one", images[0].root());
    let first = [("landfall.toml", LANDFALL), ("promotions/team/1.toml", &*one)];
    let head = commit(&history, &first);
    process.follow(head, Following::Accept).unwrap();
    let (wakes, wake) = mpsc::channel(1);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let meanwhile = async {
        let until = async |place: &'static str| {
            let began = tokio::time::Instant::now();
            while tag(&store, place).is_none() {
                assert!(began.elapsed() < Duration::from_secs(100), "{place} waits");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            waits.lock().unwrap().push(began.elapsed());
        };
        until("one.test/images/team/app").await;
        let two = promotion("two", images[1].root());
        let both = [
            ("landfall.toml", LANDFALL),
            ("promotions/team/1.toml", &*one),
            ("promotions/team/2.toml", &*two),
        ];
        commit(&history, &both);
        wakes.send(Wake).await.unwrap();
        until("two.test/images/team/app").await;
        assert_eq!(
            tag(&store, "slow.test/images/team/app"),
            None,
            "it is still being copied"
        );
    };
    beside(&mut process, options(SignedDuration::from_hours(1)), meanwhile, wake).await;
    let waits = waits.lock().unwrap().clone();
    assert!(waits.iter().all(|wait| *wait < Duration::from_secs(2)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn damage_is_repaired_within_the_interval_however_seldom_the_branch_is_looked_at() {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &"source.test/team/app".parse().unwrap());
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default());
    let mut process = process_at(State::in_memory().unwrap(), &history, registries);
    let one = promotion("two", image.root());
    let files = [("landfall.toml", LANDFALL), ("promotions/team/1.toml", &*one)];
    let head = commit(&history, &files);
    process.follow(head, Following::Accept).unwrap();
    let (_wakes, wake) = mpsc::channel(1);
    let place = "two.test/images/team/app";
    let meanwhile = async {
        let settled = || tag(&store, place) == Some(image.root());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(settled());
        for _ in 0..3 {
            assert!(store.delete_tag(&place.parse().unwrap(), &"v1".parse().unwrap()));
            tokio::time::sleep(Duration::from_secs(65)).await;
            assert!(settled(), "it was repaired within a minute and a little");
        }
    };
    let options = Loop {
        commits: SignedDuration::from_hours(24),
        ..options(SignedDuration::from_mins(1))
    };
    beside(&mut process, options, meanwhile, wake).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_back_is_served_without_anybody_asking() {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &"source.test/team/app".parse().unwrap());
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default());
    let window = crate::sim::registry::Window::ALWAYS;
    let faults = registries.clone();
    faults
        .faults()
        .set_plan(FaultPlan::dead(&"two.test".parse().unwrap(), window));
    let mut process = process_at(State::in_memory().unwrap(), &history, registries);
    let one = promotion("two", image.root());
    let files = [("landfall.toml", LANDFALL), ("promotions/team/1.toml", &*one)];
    let head = commit(&history, &files);
    process.follow(head, Following::Accept).unwrap();
    let (_wakes, wake) = mpsc::channel(1);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(tag(&store, "two.test/images/team/app"), None);
        let asked = store.requests().of(Operation::Ping);
        assert!(
            (5..=20).contains(&asked),
            "a dead registry was asked {asked} times in ten minutes"
        );
        faults.faults().stop();
        tokio::time::sleep(Duration::from_secs(330)).await;
        assert_eq!(tag(&store, "two.test/images/team/app"), Some(image.root()));
    };
    beside(&mut process, options(SignedDuration::from_hours(1)), meanwhile, wake).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_commit_withdraws_is_ended_before_its_next_write() {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &"source.test/team/app".parse().unwrap());
    let slow = Latency {
        request: Duration::from_secs(10),
        chunk: Duration::from_secs(10),
    };
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default())
        .with_latency_at(&"two.test".parse().unwrap(), slow);
    let mut process = process_at(State::in_memory().unwrap(), &history, registries);
    let one = promotion("two", image.root());
    let files = [("landfall.toml", LANDFALL), ("promotions/team/1.toml", &*one)];
    let head = commit(&history, &files);
    process.follow(head, Following::Accept).unwrap();
    let (wakes, wake) = mpsc::channel(1);
    let meanwhile = async {
        while store.client_writes_since(0).is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        commit(&history, &[("landfall.toml", LANDFALL)]);
        wakes.send(Wake).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let written = store.client_writes_since(0).len();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let later = store.client_writes_since(0).len();
        assert!(
            later <= written + 1,
            "a request that was on its way may still arrive: {written}, {later}"
        );
        assert_eq!(tag(&store, "two.test/images/team/app"), None);
    };
    beside(&mut process, options(SignedDuration::from_hours(1)), meanwhile, wake).await;
}
