//! What is known of registries reaches a daemon that runs already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::daemon::{LANDFALL, beside, options, promotion, tag};
use super::{Process, commit, process_with};
use crate::model::{Capabilities, Capability, CommitId, Digest, Knowledge, Prefix};
use crate::reconcile::state::State;
use crate::reconcile::{Following, KnownCapabilities, Settings};
use crate::sim::images::ImageRecipe;
use crate::sim::registry::{FaultPlan, MemoryRegistries, Store};
use crate::sim::{History, Seed};

/// The registry of target `two` takes no OCI images, for as long as that is set.
#[derive(Debug, Default)]
struct Refusing(AtomicBool);

impl Refusing {
    fn set(&self, refuses: bool) {
        self.0.store(refuses, Ordering::Relaxed);
    }
}

impl KnownCapabilities for Refusing {
    fn below(&self, place: &Prefix, _now: Timestamp) -> Capabilities {
        let refuses = self.0.load(Ordering::Relaxed) && place.to_string().starts_with("two.test");
        let known = refuses.then(|| (Capability::OciImage, Knowledge::probed(false, "400")));
        known.into_iter().collect()
    }
}

struct Site {
    process: Process,
    history: Arc<History>,
    store: Store,
    known: Arc<Refusing>,
    image: Digest,
}

impl Site {
    /// Nothing is claimed yet.
    fn new(refuses: bool) -> Self {
        let (history, store, known) = (
            Arc::new(History::default()),
            Store::new(),
            Arc::new(Refusing::default()),
        );
        known.set(refuses);
        let image = ImageRecipe::single().make(Seed(1));
        image.push(&store, &"source.test/team/app".parse().unwrap());
        let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default());
        let settings = Settings {
            capabilities: Some(Arc::clone(&known) as Arc<dyn KnownCapabilities>),
            ..Settings::default()
        };
        Self {
            process: process_with(State::in_memory().unwrap(), &history, registries, settings),
            image: image.root(),
            history,
            store,
            known,
        }
    }

    fn claim(&self, landfall: &str) -> CommitId {
        let two = promotion("two", self.image);
        commit(
            &self.history,
            &[("landfall.toml", landfall), ("promotions/team/2.toml", &*two)],
        )
    }

    fn stands(&self) -> bool {
        tag(&self.store, "two.test/images/team/app") == Some(self.image)
    }
}

#[tokio::test(start_paused = true)]
async fn what_doctor_finds_out_is_heeded_by_a_daemon_that_runs() {
    let mut site = Site::new(true);
    let head = site.claim(LANDFALL);
    site.process.follow(head, Following::Accept).unwrap();
    let (_wakes, wake) = mpsc::channel(1);
    let (store, known, image) = (site.store.clone(), Arc::clone(&site.known), site.image);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(store.client_writes_since(0).is_empty(), "it is known not to be taken");
        known.set(false);
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(tag(&store, "two.test/images/team/app"), Some(image));
    };
    let options = options(SignedDuration::from_hours(1));
    beside(&mut site.process, options, meanwhile, wake).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_registry_counts_for_a_target_that_a_commit_brings() {
    let mut site = Site::new(true);
    let without = LANDFALL.replace("two.test/images", "elsewhere.test/images");
    let head = commit(&site.history, &[("landfall.toml", &*without)]);
    site.process.follow(head, Following::Accept).unwrap();
    let (_wakes, wake) = mpsc::channel(1);
    site.claim(&without);
    let (store, history, image) = (site.store.clone(), Arc::clone(&site.history), site.image);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(tag(&store, "elsewhere.test/images/team/app"), Some(image));
        let before = store.client_writes_since(0).len();
        let two = promotion("two", image);
        commit(
            &history,
            &[("landfall.toml", LANDFALL), ("promotions/team/2.toml", &*two)],
        );
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(
            store.client_writes_since(0).len(),
            before,
            "it is known not to be taken"
        );
    };
    let options = options(SignedDuration::from_hours(1));
    beside(&mut site.process, options, meanwhile, wake).await;
    assert!(!site.stands());
}
